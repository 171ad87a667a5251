//! Which of two times that messages name is the earlier one.

use telerad_core::{PartialDateTime, Precision, Timestamp};

/// Whether `new` lies before `old`, where that can be told.
///
/// Two times without a zone are taken to be of one clock. They are compared as exactly as both are known: a minute is not
/// before one of its seconds.
pub(crate) fn is_before(new: Option<PartialDateTime>, old: Option<PartialDateTime>) -> bool {
    let (Some(new), Some(old)) = (new, old) else { return false };
    let unit = unit(new.precision().min(old.precision()));
    match (unit, new.offset_minutes(), old.offset_minutes()) {
        (Some(unit), Some(_), Some(_)) | (Some(unit), None, None) => {
            micros(new).div_euclid(unit) < micros(old).div_euclid(unit)
        }
        _ => false,
    }
}

/// The latest moment that a time can mean; `None` when it names no day.
pub(crate) fn latest(time: PartialDateTime) -> Option<Timestamp> {
    let unit = unit(time.precision())?;
    let west = if time.offset_minutes().is_none() { WESTERNMOST } else { 0 };
    // The first moment of an exact time is the one it means.
    let rest = if time.precision() == Precision::Day { unit } else { 0 };
    Some(Timestamp::from_micros(micros(time) + rest + west))
}

/// UTC-12, behind which no clock is.
const WESTERNMOST: i64 = 12 * 3_600_000_000;

/// Microseconds of what is known; `None` when not even the day is.
fn unit(precision: Precision) -> Option<i64> {
    match precision {
        Precision::Year | Precision::Month => None,
        Precision::Day => Some(86_400_000_000),
        Precision::Hour => Some(3_600_000_000),
        Precision::Minute => Some(60_000_000),
        Precision::Second => Some(1_000_000),
        Precision::Fraction => Some(1),
    }
}

/// Microseconds since 1970 by the clock of the time itself, or by UTC when it has a zone.
fn micros(time: PartialDateTime) -> i64 {
    let date = time.date();
    let of_day = time.sort_key().rem_euclid(86_401_000_000);
    let offset = i64::from(time.offset_minutes().unwrap_or(0)) * 60_000_000;
    let (month, day) = (date.month().unwrap_or(1), date.day().unwrap_or(1));
    days(i64::from(date.year()), i64::from(month), i64::from(day)) * 86_400_000_000 + of_day
        - offset
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar. The year begins in March, so that a leap day is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use telerad_core::PartialDateTime;

    use super::{days, is_before, micros};

    #[track_caller]
    fn check(new: &str, old: &str, expected: bool) {
        let read = |text: &str| PartialDateTime::parse(text).ok();
        assert_eq!(is_before(read(new), read(old)), expected);
    }

    #[test]
    fn times_are_compared_as_exactly_as_both_are_known() {
        check("202611240805", "202611240806", true);
        check("202611240806", "202611240805", false);
        check("202611240805", "20261124080530", false);
        check("20261124080530", "202611240805", false);
        check("20261124080530.1", "20261124080530.2", true);
        check("20261124", "202611240805", false);
        check("20261123", "202611240805", true);
        check("2025", "202611240805", false);
        check("", "202611240805", false);
    }

    #[test]
    fn zones_are_compared_only_with_zones() {
        check("202611240805+0100", "202611240805+0000", true);
        check("202611240805+0100", "202611240705+0000", false);
        check("202612312330-0100", "202701010031+0000", true);
        check("202611240805", "202611240905+0100", false);
    }

    #[test]
    fn days_follow_the_calendar() {
        assert_eq!([days(1970, 1, 1), days(2000, 3, 1), days(2026, 11, 24)], [0, 11_017, 20_781]);
        let time = PartialDateTime::parse("19700102000001").unwrap();
        assert_eq!(micros(time), 86_401_000_000);
    }
}
