//! Comparing the times of different messages.

use telerad_core::PartialDateTime;

/// Microseconds since 1970 that order times with and without a zone; a time without one counts as UTC.
///
/// The zone is kept in account because one sender may write summer and winter time. Senders that mix times with and
/// without zone in one report can be off by their zone.
pub(crate) fn instant_micros(time: &PartialDateTime) -> i64 {
    let date = time.date();
    let days = days_from_civil(
        i64::from(date.year()),
        i64::from(date.month().unwrap_or(1)),
        i64::from(date.day().unwrap_or(1)),
    );
    let text = time.time_text().unwrap_or_default();
    let number = |from: usize, to: usize| -> i64 {
        text.get(from..to).and_then(|digits| digits.parse().ok()).unwrap_or(0)
    };
    let seconds = number(0, 2) * 3600 + number(2, 4) * 60 + number(4, 6)
        - i64::from(time.offset_minutes().unwrap_or(0)) * 60;
    (days * 86_400 + seconds) * 1_000_000 + number(7, 13)
}

/// Day number of a proleptic Gregorian date, 0 = 1970-01-01; counting years from March puts the leap day last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::instant_micros;
    use telerad_core::{PartialDateTime, Timestamp};

    #[track_caller]
    fn check(text: &str, utc: &str) {
        let micros = instant_micros(&PartialDateTime::parse(text).unwrap());
        assert_eq!(Timestamp::from_micros(micros).to_compact_utc(), utc);
    }

    #[test]
    fn zones_are_taken_into_account() {
        check("20260301130000+0100", "20260301120000");
        check("20260301003000+0100", "20260228233000");
        check("20251231233000-0100", "20260101003000");
    }

    #[test]
    fn unknown_parts_count_as_their_earliest_value() {
        check("2024", "20240101000000");
        check("2024022913", "20240229130000");
        check("20240229135960", "20240229140000");
    }
}
