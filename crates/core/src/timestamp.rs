//! Instants as numbers.

use serde::{Deserialize, Serialize};

/// A point in time: microseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// This instant plus a duration, saturating at the ends of the range.
    pub fn after(self, duration: std::time::Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Time passed since `earlier`; zero when `earlier` lies in the future.
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_micros(
            u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0),
        )
    }

    /// `YYYYMMDDHHMMSS` in UTC, the form of an HL7 timestamp (HL7 2.5.1 section 2.A.22) before its zone.
    pub fn to_compact_utc(self) -> String {
        let [year, month, day, hour, minute, second] = self.civil_utc();
        format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
    }

    /// Year, month, day, hour, minute and second in UTC.
    pub fn civil_utc(self) -> [i64; 6] {
        let seconds = self.0.div_euclid(1_000_000);
        let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let [year, month, day] = civil_from_days(days);
        [year, month, day, of_day / 3600, of_day / 60 % 60, of_day % 60]
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [year, month, day, hour, minute, second] = self.civil_utc();
        let millis = self.0.div_euclid(1000).rem_euclid(1000);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

/// Proleptic Gregorian date of a day number. Eras of 400 years have 146,097 days; counting years from March
/// puts the leap day last, so that month lengths follow one formula.
fn civil_from_days(days: i64) -> [i64; 3] {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    [year_of_era + era * 400 + i64::from(month <= 2), month, day]
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[track_caller]
    fn check(seconds: i64, expected: &str) {
        assert_eq!(Timestamp::from_micros(seconds * 1_000_000).to_compact_utc(), expected);
    }

    #[test]
    fn known_instants() {
        check(0, "19700101000000");
        check(951_782_400, "20000229000000");
        check(1_709_251_199, "20240229235959");
        check(-1, "19691231235959");
        check(4_107_542_400, "21000301000000");
    }

    #[test]
    fn durations_saturate() {
        let early = Timestamp::from_micros(5);
        let late = Timestamp::from_micros(9);
        assert_eq!(late.since(early).as_micros(), 4);
        assert_eq!(early.since(late).as_micros(), 0);
        assert_eq!(early.after(std::time::Duration::MAX).as_micros(), i64::MAX);
    }
}
