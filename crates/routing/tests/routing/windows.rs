use proptest::prelude::*;
use telerad_core::{Priority, Timestamp};
use telerad_routing::Schedule;

const NIGHT: &str = r#"windows = [{ from = "20:00", to = "06:00" }]"#;

fn schedule(zone: &str, rest: &str) -> Schedule {
    toml::from_str(&format!("time_zone = \"{zone}\"\n{rest}")).unwrap()
}

/// An instant as RFC 3339 has it.
fn utc(text: &str) -> Timestamp {
    let at: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_micros(at.as_microsecond())
}

fn text(at: Timestamp) -> String {
    at.to_string().replace(":00.000Z", "Z")
}

/// When the routine lane opens, "now" for at once.
#[track_caller]
fn check(schedule: &Schedule, now: &str, expected: &str) {
    let opens = schedule.opens_at(Priority::Routine, utc(now));
    assert_eq!(opens.map_or("now".to_owned(), text), expected);
}

#[test]
fn a_window_is_in_the_time_of_its_zone() {
    let berlin = schedule("Europe/Berlin", NIGHT);
    check(&berlin, "2026-01-15T18:59:59Z", "2026-01-15T19:00Z");
    check(&berlin, "2026-01-15T19:00:00Z", "now");
    check(&berlin, "2026-07-15T17:59:00Z", "2026-07-15T18:00Z");
    check(&berlin, "2026-07-15T18:00:00Z", "now");
    let new_york = schedule("America/New_York", NIGHT);
    check(&new_york, "2026-01-15T18:59:00Z", "2026-01-16T01:00Z");
}

#[test]
fn a_window_past_midnight_belongs_to_the_day_it_begins_on() {
    let friday =
        schedule("Etc/UTC", r#"windows = [{ days = ["fri"], from = "20:00", to = "06:00" }]"#);
    // 2026-01-16 is a Friday.
    check(&friday, "2026-01-16T05:00:00Z", "2026-01-16T20:00Z");
    check(&friday, "2026-01-17T05:59:59Z", "now");
    check(&friday, "2026-01-17T06:00:00Z", "2026-01-23T20:00Z");
}

#[test]
fn a_whole_day_ends_at_midnight() {
    let sunday =
        schedule("Etc/UTC", r#"windows = [{ days = ["sun"], from = "00:00", to = "24:00" }]"#);
    check(&sunday, "2026-01-17T23:59:00Z", "2026-01-18T00:00Z");
    check(&sunday, "2026-01-18T23:59:00Z", "now");
    check(&sunday, "2026-01-19T00:00:00Z", "2026-01-25T00:00Z");
}

#[test]
fn a_holiday_is_no_weekday() {
    let days = r#"
        holidays = ["2026-12-25"]
        windows = [
            { days = ["mon", "tue", "wed", "thu", "fri"], from = "18:00", to = "24:00" },
            { days = ["sat", "sun", "holiday"], from = "00:00", to = "24:00" },
        ]"#;
    let schedule = schedule("Etc/UTC", days);
    // A Thursday evening, the Friday that is a holiday, the Saturday after, and the next Friday.
    check(&schedule, "2026-12-24T12:00:00Z", "2026-12-24T18:00Z");
    check(&schedule, "2026-12-25T12:00:00Z", "now");
    check(&schedule, "2026-12-26T12:00:00Z", "now");
    check(&schedule, "2027-01-01T12:00:00Z", "2027-01-01T18:00Z");
}

#[test]
fn a_window_for_a_far_holiday_does_not_hide_the_next_weekday() {
    let windows = r#"
        holidays = ["2036-12-25", "2026-01-19", "2026-01-26"]
        windows = [
            { days = ["holiday"], from = "10:00", to = "11:00" },
            { days = ["mon"], from = "18:00", to = "24:00" },
        ]"#;
    let schedule = schedule("Etc/UTC", windows);
    check(&schedule, "2026-01-18T12:00:00Z", "2026-01-19T10:00Z");
    check(&schedule, "2026-01-26T11:00:00Z", "2026-02-02T18:00Z");
    check(&schedule, "2036-12-25T10:30:00Z", "now");
}

// Berlin skips 02:00 to 03:00 on 2026-03-29: 00:59:59Z is 01:59:59, 01:00Z is 03:00.
#[test]
fn a_time_that_the_clock_skips_is_the_moment_of_the_change() {
    let begins = schedule("Europe/Berlin", r#"windows = [{ from = "02:30", to = "05:00" }]"#);
    check(&begins, "2026-03-29T00:30:00Z", "2026-03-29T01:00Z");
    check(&begins, "2026-03-29T01:00:00Z", "now");
    check(&begins, "2026-03-29T03:00:00Z", "2026-03-30T00:30Z");
    let ends = schedule("Europe/Berlin", r#"windows = [{ from = "01:00", to = "02:30" }]"#);
    check(&ends, "2026-03-29T00:59:59Z", "now");
    check(&ends, "2026-03-29T01:00:00Z", "2026-03-29T23:00Z");
}

#[test]
fn a_window_that_the_clock_skips_does_not_open_that_day() {
    let inside = schedule("Europe/Berlin", r#"windows = [{ from = "02:10", to = "02:50" }]"#);
    check(&inside, "2026-03-28T12:00:00Z", "2026-03-30T00:10Z");
    let sundays = r#"windows = [{ days = ["sun"], from = "02:10", to = "02:50" }]"#;
    check(&schedule("Europe/Berlin", sundays), "2026-03-28T12:00:00Z", "2026-04-05T00:10Z");
}

// Berlin has 02:00 to 03:00 twice on 2026-10-25: from 00:00Z and from 01:00Z.
#[test]
fn a_time_that_the_clock_shows_twice_opens_early_and_shuts_late() {
    let begins = schedule("Europe/Berlin", r#"windows = [{ from = "02:30", to = "05:00" }]"#);
    check(&begins, "2026-10-25T00:00:00Z", "2026-10-25T00:30Z");
    check(&begins, "2026-10-25T01:10:00Z", "now");
    let ends = schedule("Europe/Berlin", r#"windows = [{ from = "01:00", to = "02:30" }]"#);
    check(&ends, "2026-10-25T00:40:00Z", "now");
    check(&ends, "2026-10-25T01:29:59Z", "now");
    check(&ends, "2026-10-25T01:30:00Z", "2026-10-26T00:00Z");
}

// Samoa went from 29 to 31 December 2011 overnight.
#[test]
fn a_day_that_a_zone_skips_is_not_waited_for() {
    let friday = r#"windows = [{ days = ["fri"], from = "10:00", to = "12:00" }]"#;
    check(&schedule("Pacific/Apia", friday), "2011-12-30T09:00:00Z", "2012-01-05T20:00Z");
}

#[test]
fn lanes_without_a_window_are_open_and_stat_is_one_unless_named() {
    let low = schedule(
        "Etc/UTC",
        r#"windows = [{ from = "20:00", to = "06:00", lanes = ["low", "medium"] }]"#,
    );
    let noon = utc("2026-01-15T12:00:00Z");
    let shut = |schedule: &Schedule| {
        let lanes =
            [Priority::Stat, Priority::High, Priority::Routine, Priority::Medium, Priority::Low];
        lanes.map(|lane| !schedule.is_open(lane, noon))
    };
    assert_eq!(shut(&low), [false, false, false, true, true]);
    let all = schedule("Etc/UTC", NIGHT);
    assert_eq!(shut(&all), [false, true, true, true, true]);
    assert!(!all.holds_back_stat());
    let stat =
        schedule("Etc/UTC", r#"windows = [{ from = "20:00", to = "06:00", lanes = ["stat"] }]"#);
    assert_eq!(shut(&stat), [true, false, false, false, false]);
    assert!(stat.holds_back_stat());
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let error = toml::from_str::<Schedule>(text).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_schedule_that_cannot_be_meant_is_refused() {
    let with = |window: &str| format!("time_zone = \"Etc/UTC\"\nwindows = [{{ {window} }}]");
    refused(
        "time_zone = \"Europe/Berln\"\nwindows = [{ from = \"01:00\", to = \"02:00\" }]",
        "time zone `Europe/Berln` is unknown; expected an IANA name such as Europe/Berlin",
    );
    refused("time_zone = \"Etc/UTC\"\nwindows = []", "a schedule needs at least one window");
    refused(&with(r#"from = "25:00", to = "02:00""#), "`25:00` is not a time of day");
    refused(&with(r#"from = "1:00", to = "02:00""#), "`1:00` is not a time of day");
    refused(&with(r#"from = "01:00", to = "02:60""#), "`02:60` is not a time of day");
    refused(&with(r#"from = "é:00", to = "02:00""#), "is not a time of day");
    refused(&with(r#"from = "02:00", to = "02:00""#), "from and to are both `02:00`");
    refused(&with(r#"from = "24:00", to = "00:00""#), "from and to are both `24:00`");
    refused(&with(r#"from = "01:00", to = "02:00", days = ["monday"]"#), "unknown variant");
    refused(&with(r#"from = "01:00", to = "02:00", lanes = ["urgent"]"#), "lane `urgent`");
    refused(
        &with(r#"from = "01:00", to = "02:00", days = ["holiday"]"#),
        "lane high has windows on holidays only, which never open after the last of them",
    );
    let holiday = "time_zone = \"Etc/UTC\"\nholidays = [\"2026-02-30\"]\nwindows = [{ from = \"01:00\", to = \"02:00\" }]";
    refused(holiday, "holiday `2026-02-30` is not a date; expected YYYY-MM-DD");
}

#[test]
fn a_schedule_survives_serialisation() {
    let text = r#"
        time_zone = "Europe/Berlin"
        holidays = ["2026-12-25"]
        windows = [{ days = ["mon"], from = "18:00", to = "06:00", lanes = ["low"] }]"#;
    let schedule: Schedule = toml::from_str(text).unwrap();
    let again: Schedule = toml::from_str(&toml::to_string(&schedule).unwrap()).unwrap();
    assert_eq!(again, schedule);
    assert_eq!(
        schedule.to_string(),
        r#"Europe/Berlin except ["2026-12-25"], ["mon"] 18:00 to 06:00 ["low"]"#
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_shut_lane_opens_when_it_says_and_not_before(
        // Any minute of 2020 to 2039, with all changes of the clock in them.
        minute in 26_297_280_i64..36_817_920,
        zone in prop_oneof![
            Just("Europe/Berlin"), Just("America/New_York"), Just("Australia/Lord_Howe"),
            Just("Asia/Kolkata"), Just("Africa/Casablanca"), Just("Etc/UTC"),
        ],
        from in 0_u16..1440, length in 1_u16..1439,
        days in proptest::sample::subsequence(vec!["mon", "tue", "wed", "sat", "sun"], 1..5),
    ) {
        let to = (from + length) % 1440;
        let time = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let window = format!(
            "windows = [{{ days = {days:?}, from = \"{}\", to = \"{}\" }}]", time(from), time(to)
        );
        let schedule = schedule(zone, &window);
        let now = Timestamp::from_micros(minute * 60_000_000);
        if let Some(opens) = schedule.opens_at(Priority::Routine, now) {
            prop_assert!(opens > now);
            prop_assert!(opens.since(now).as_secs() <= 16 * 86_400, "{}", opens);
            prop_assert!(schedule.is_open(Priority::Routine, opens));
            let before = Timestamp::from_micros(opens.as_micros() - 1);
            prop_assert_eq!(schedule.opens_at(Priority::Routine, before), Some(opens));
            let between = Timestamp::from_micros(now.as_micros() / 2 + before.as_micros() / 2);
            prop_assert_eq!(schedule.opens_at(Priority::Routine, between), Some(opens));
        }
    }
}
