use proptest::prelude::*;
use telerad_core::Timestamp;
use telerad_routing::{RateLimit, TokenBucket};

use crate::at;

fn limit(text: &str) -> RateLimit {
    toml::from_str(text).unwrap()
}

/// 1,000 bytes each second and none saved up.
fn tight() -> TokenBucket {
    TokenBucket::new(limit("bytes_per_second = 1000\nburst_bytes = 0"), at(0))
}

#[test]
fn a_debt_is_waited_for() {
    let mut bucket = tight();
    assert_eq!(bucket.take(at(0), 5000), Ok(()));
    assert_eq!(bucket.take(at(0), 1), Err(at(5)));
    assert_eq!(bucket.take(Timestamp::from_micros(4_999_999), 1), Err(at(5)));
    assert_eq!(bucket.take(at(5), 1), Ok(()));
    assert_eq!(bucket.take(at(5), 1), Err(Timestamp::from_micros(5_001_000)));
}

#[test]
fn what_is_not_used_is_saved_up_to_the_burst() {
    let mut bucket = TokenBucket::new(limit("bytes_per_second = 1000\nburst_bytes = 3000"), at(0));
    assert_eq!(bucket.take(at(0), 3000), Ok(()));
    assert_eq!(bucket.take(at(0), 2000), Ok(()));
    assert_eq!(bucket.take(at(0), 1), Err(at(2)));
    // An hour of rest saves no more than the burst.
    assert_eq!(bucket.take(at(3600), 4000), Ok(()));
    assert_eq!(bucket.take(at(3600), 1), Err(at(3601)));
}

#[test]
fn an_instance_larger_than_the_bucket_passes_and_those_after_it_pay() {
    let mut bucket = TokenBucket::new(limit("bytes_per_second = 1000\nburst_bytes = 10"), at(0));
    assert_eq!(bucket.take(at(0), 1_000_010), Ok(()));
    assert_eq!(bucket.take(at(999), 1), Err(at(1000)));
    assert_eq!(bucket.take(at(1000), 1_000_000), Ok(()));
}

#[test]
fn what_does_not_wait_is_paid_for_by_the_next() {
    let mut bucket = tight();
    bucket.charge(at(0), 2000);
    bucket.charge(at(0), 2000);
    assert_eq!(bucket.take(at(0), 1), Err(at(4)));
}

#[test]
fn what_was_not_sent_is_given_back() {
    let mut bucket = tight();
    assert_eq!(bucket.take(at(0), 5000), Ok(()));
    bucket.give_back(5000);
    assert_eq!(bucket.take(at(0), 5000), Ok(()));
    bucket.give_back(1_000_000);
    assert_eq!(bucket.take(at(0), 1000), Ok(()));
    assert_eq!(bucket.take(at(0), 1), Err(at(1)));
}

#[test]
fn a_clock_that_is_set_back_gives_nothing_and_blocks_nothing() {
    let mut bucket = tight();
    assert_eq!(bucket.take(at(1000), 5000), Ok(()));
    assert_eq!(bucket.take(at(10), 1), Err(at(15)));
    assert_eq!(bucket.take(at(15), 1), Ok(()));
}

/// 1970-01-01 is a Thursday.
fn by_day() -> RateLimit {
    limit(
        r#"
        bytes_per_second = 1000
        burst_bytes = 0
        time_zone = "Etc/UTC"
        times = [
            { days = ["thu"], from = "00:00", to = "00:01", bytes_per_second = 10 },
            { from = "00:00", to = "01:00", bytes_per_second = 100 },
        ]"#,
    )
}

#[test]
fn the_first_time_that_runs_counts() {
    assert_eq!(by_day().rate_at(at(0)), (10, Some(at(60))));
    assert_eq!(by_day().rate_at(at(60)), (100, Some(at(3600))));
    assert_eq!(by_day().rate_at(at(3600)), (1000, Some(at(86_400))));
    assert_eq!(limit("bytes_per_second = 7").rate_at(at(0)), (7, None));
}

#[test]
fn a_debt_is_paid_at_the_rates_of_the_hours_it_lasts() {
    let mut bucket = TokenBucket::new(by_day(), at(0));
    // 60 s at 10, 3,540 s at 100, and 1 s at 1,000.
    assert_eq!(bucket.take(at(0), 600 + 354_000 + 1000), Ok(()));
    assert_eq!(bucket.take(at(0), 1), Err(at(3601)));
    assert_eq!(bucket.take(at(3600), 1), Err(at(3601)));
    assert_eq!(bucket.take(at(3601), 1), Ok(()));
}

#[test]
fn a_rate_that_cannot_be_meant_is_refused() {
    let refused = |text: &str, expected: &str| {
        let error = toml::from_str::<RateLimit>(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refused("bytes_per_second = 0", "bytes_per_second must be at least 1");
    let at_night = |rate: u64, zone: &str| {
        format!(
            "bytes_per_second = 1\n{zone}\ntimes = [{{ from = \"20:00\", to = \"06:00\", bytes_per_second = {rate} }}]"
        )
    };
    refused(&at_night(0, "time_zone = \"Etc/UTC\""), "bytes_per_second must be at least 1");
    refused(&at_night(5, ""), "time zone `` is unknown");
    refused("bytes_per_second = -1", "invalid value");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn nothing_starves_and_no_more_leaves_than_the_line_carries(
        rate in 1_u64..10_000_000, burst in 0_u64..5_000_000,
        asks in proptest::collection::vec((0_i64..3_000_000, 1_u64..3_000_000), 1..60),
    ) {
        let text = format!("bytes_per_second = {rate}\nburst_bytes = {burst}");
        let mut bucket = TokenBucket::new(limit(&text), at(0));
        let (mut now, mut sent, mut largest) = (at(0), 0_u128, 0_u128);
        for (pause, bytes) in asks {
            now = Timestamp::from_micros(now.as_micros() + pause);
            if let Err(later) = bucket.take(now, bytes) {
                prop_assert!(later > now);
                let early = Timestamp::from_micros(later.as_micros() - 1);
                prop_assert_eq!(bucket.take(early, bytes), Err(later));
                // Whoever asks when he was told to is let through, whatever his size.
                prop_assert_eq!(bucket.take(later, bytes), Ok(()));
                now = later;
            }
            (sent, largest) = (sent + u128::from(bytes), largest.max(u128::from(bytes)));
            let micros = u128::try_from(now.as_micros()).unwrap();
            let most = u128::from(rate) * micros / 1_000_000 + u128::from(burst) + largest;
            prop_assert!(sent <= most, "{} of {}", sent, most);
        }
    }

    #[test]
    fn asking_often_changes_nothing(
        rate in 1_u64..10_000_000, waits in proptest::collection::vec(1_i64..1000, 1..200),
    ) {
        let text = format!("bytes_per_second = {rate}\nburst_bytes = 0");
        let mut often = TokenBucket::new(limit(&text), at(0));
        often.charge(at(0), 1_000_000_000);
        let mut once = often.clone();
        let mut now = at(0);
        for wait in waits {
            now = Timestamp::from_micros(now.as_micros() + wait);
            let _ = often.clone().take(now, 1);
            often.charge(now, 0);
        }
        prop_assert_eq!(often.take(now, 1), once.take(now, 1));
    }
}
