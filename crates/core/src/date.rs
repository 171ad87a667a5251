//! Dates and times that keep the precision they came with.

use serde::{Deserialize, Serialize};

/// A calendar date of partial precision: `YYYY`, `YYYYMM` or `YYYYMMDD` (HL7 DT, 2.5.1 section 2.A.21; DICOM DA).
///
/// A missing month or day stays missing; it is never padded to January or to the first.
#[derive(Clone, Copy, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct PartialDate {
    year: u16,
    month: Option<u8>,
    day: Option<u8>,
}

impl PartialDate {
    /// Reads `YYYY[MM[DD]]`, and DICOM's retired `YYYY.MM.DD` (PS3.5 section 6.2, DA).
    ///
    /// # Errors
    /// [`InvalidDate`] for any other shape and for days that no calendar has.
    pub fn parse(text: &str) -> Result<Self, InvalidDate> {
        let text = text.trim_matches([' ', '\0']);
        let undotted;
        let digits = if text.len() == 10 && text.split('.').map(str::len).eq([4, 2, 2]) {
            undotted = text.replace('.', "");
            undotted.as_str()
        } else {
            text
        };
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidDate);
        }
        let number =
            |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse().ok());
        let month = |text: Option<u16>| text.and_then(|month| u8::try_from(month).ok());
        let date = match digits.len() {
            4 => Self { year: number(0, 4).ok_or(InvalidDate)?, month: None, day: None },
            6 => Self {
                year: number(0, 4).ok_or(InvalidDate)?,
                month: month(number(4, 6)),
                day: None,
            },
            8 => Self {
                year: number(0, 4).ok_or(InvalidDate)?,
                month: month(number(4, 6)),
                day: month(number(6, 8)),
            },
            _ => return Err(InvalidDate),
        };
        date.is_in_calendar().then_some(date).ok_or(InvalidDate)
    }

    /// The year, 1 to 9999.
    pub fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12, where it is known.
    pub fn month(self) -> Option<u8> {
        self.month
    }

    /// The day of the month, 1 to 31, where it is known.
    pub fn day(self) -> Option<u8> {
        self.day
    }

    /// Whether year, month and day are all known.
    pub fn is_complete(self) -> bool {
        self.day.is_some()
    }

    fn is_in_calendar(self) -> bool {
        let leap = self.year.is_multiple_of(4)
            && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        let days = match self.month {
            None => return self.year > 0 && self.day.is_none(),
            Some(4 | 6 | 9 | 11) => 30,
            Some(2) => 28 + u8::from(leap),
            Some(1..=12) => 31,
            Some(_) => return false,
        };
        self.year > 0 && self.day.is_none_or(|day| (1..=days).contains(&day))
    }
}

impl std::fmt::Display for PartialDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}", self.year)?;
        self.month.map_or(Ok(()), |month| write!(f, "{month:02}"))?;
        self.day.map_or(Ok(()), |day| write!(f, "{day:02}"))
    }
}

impl std::fmt::Debug for PartialDate {
    // Most dates here are birth dates.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PartialDate(<redacted>)")
    }
}

impl TryFrom<String> for PartialDate {
    type Error = InvalidDate;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<PartialDate> for String {
    fn from(date: PartialDate) -> Self {
        date.to_string()
    }
}

/// How much of a date and time is known.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Precision {
    /// `YYYY`
    Year,
    /// `YYYYMM`
    Month,
    /// `YYYYMMDD`
    Day,
    /// `YYYYMMDDHH`
    Hour,
    /// `YYYYMMDDHHMM`
    Minute,
    /// `YYYYMMDDHHMMSS`
    Second,
    /// `YYYYMMDDHHMMSS.F` with one to six digits
    Fraction,
}

/// A date and time of partial precision with an optional zone:
/// `YYYY[MM[DD[HH[MM[SS[.F{1,6}]]]]]][±ZZZZ]` (HL7 DTM, 2.5.1 section 2.A.22; DICOM DT).
#[derive(Clone, Copy, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct PartialDateTime {
    date: PartialDate,
    hour: u8,
    minute: u8,
    second: u8,
    micros: u32,
    fraction_digits: u8,
    precision: Precision,
    /// Minutes east of UTC.
    offset_minutes: Option<i16>,
}

impl PartialDateTime {
    /// Reads the form above.
    ///
    /// # Errors
    /// [`InvalidDate`] for any other shape, or for a value out of range.
    pub fn parse(text: &str) -> Result<Self, InvalidDate> {
        let text = text.trim_matches([' ', '\0']);
        let (text, offset_minutes) = split_offset(text)?;
        let (whole, fraction) = text.split_once('.').map_or((text, None), |(a, b)| (a, Some(b)));
        if !whole.is_ascii() {
            return Err(InvalidDate);
        }
        let date = PartialDate::parse(whole.get(..whole.len().min(8)).ok_or(InvalidDate)?)?;
        let part = |from: usize, limit: u8| -> Result<u8, InvalidDate> {
            match whole.get(from..from + 2) {
                Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                    digits.parse().ok().filter(|value| *value <= limit).ok_or(InvalidDate)
                }
                Some(_) => Err(InvalidDate),
                None => Ok(0),
            }
        };
        let mut precision = match whole.len() {
            4 => Precision::Year,
            6 => Precision::Month,
            8 => Precision::Day,
            10 => Precision::Hour,
            12 => Precision::Minute,
            14 => Precision::Second,
            _ => return Err(InvalidDate),
        };
        let (mut micros, mut fraction_digits) = (0, 0);
        if let Some(digits) = fraction {
            let valid = (1..=6).contains(&digits.len())
                && digits.bytes().all(|byte| byte.is_ascii_digit())
                && precision == Precision::Second;
            if !valid {
                return Err(InvalidDate);
            }
            micros = format!("{digits:0<6}").parse().map_err(|_| InvalidDate)?;
            fraction_digits = u8::try_from(digits.len()).map_err(|_| InvalidDate)?;
            precision = Precision::Fraction;
        }
        Ok(Self {
            date,
            hour: part(8, 23)?,
            minute: part(10, 59)?,
            // PS3.5 section 6.2 and HL7 both allow 60 for a leap second.
            second: part(12, 60)?,
            micros,
            fraction_digits,
            precision,
            offset_minutes,
        })
    }

    /// The date part.
    pub fn date(&self) -> PartialDate {
        self.date
    }

    /// How much is known.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Minutes east of UTC, where the text said so.
    pub fn offset_minutes(&self) -> Option<i16> {
        self.offset_minutes
    }

    /// The time as DICOM TM (`HHMMSS`, as far as it is known); `None` when only a date is known.
    pub fn time_text(&self) -> Option<String> {
        Some(match self.precision {
            Precision::Year | Precision::Month | Precision::Day => return None,
            Precision::Hour => format!("{:02}", self.hour),
            Precision::Minute => format!("{:02}{:02}", self.hour, self.minute),
            Precision::Second => format!("{:02}{:02}{:02}", self.hour, self.minute, self.second),
            Precision::Fraction => {
                format!("{:02}{:02}{:02}.{:06}", self.hour, self.minute, self.second, self.micros)
            }
        })
    }

    /// A number that orders values read in the same zone: unknown parts count as their earliest value. Offsets are
    /// taken into account only when both values have one, which is for the caller to know.
    pub fn sort_key(&self) -> i64 {
        let day = i64::from(self.date.year) * 10_000
            + i64::from(self.date.month.unwrap_or(1)) * 100
            + i64::from(self.date.day.unwrap_or(1));
        let second =
            i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        (day * 86_401 + second) * 1_000_000 + i64::from(self.micros)
    }
}

impl std::fmt::Display for PartialDateTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.date)?;
        if self.precision >= Precision::Hour {
            write!(f, "{:02}", self.hour)?;
        }
        if self.precision >= Precision::Minute {
            write!(f, "{:02}", self.minute)?;
        }
        if self.precision >= Precision::Second {
            write!(f, "{:02}", self.second)?;
        }
        if self.precision == Precision::Fraction {
            let digits = format!("{:06}", self.micros);
            write!(f, ".{}", digits.get(..usize::from(self.fraction_digits)).unwrap_or(&digits))?;
        }
        if let Some(minutes) = self.offset_minutes {
            let sign = if minutes < 0 { '-' } else { '+' };
            write!(f, "{sign}{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60)?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for PartialDateTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PartialDateTime({self})")
    }
}

impl TryFrom<String> for PartialDateTime {
    type Error = InvalidDate;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<PartialDateTime> for String {
    fn from(value: PartialDateTime) -> Self {
        value.to_string()
    }
}

/// A text that is not a date, or not a date and time. The text itself is not repeated: it may be a birth date.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a date of the form YYYY[MM[DD[HH[MM[SS[.F]]]]]][+/-ZZZZ]")]
pub struct InvalidDate;

fn split_offset(text: &str) -> Result<(&str, Option<i16>), InvalidDate> {
    let Some(at) = text.rfind(['+', '-']) else { return Ok((text, None)) };
    let (head, offset) = text.split_at(at);
    let digits = offset.get(1..).ok_or(InvalidDate)?;
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidDate);
    }
    let number: i16 = digits.parse().map_err(|_| InvalidDate)?;
    let minutes = number / 100 * 60 + number % 100;
    if number % 100 > 59 || minutes > 14 * 60 {
        return Err(InvalidDate);
    }
    Ok((head, Some(if offset.starts_with('-') { -minutes } else { minutes })))
}

#[cfg(test)]
mod tests {
    use super::{PartialDate, PartialDateTime, Precision};

    #[track_caller]
    fn check(text: &str, valid: bool) {
        match PartialDateTime::parse(text) {
            Ok(value) if valid => assert_eq!(value.to_string(), text),
            Ok(_) => panic!("{text} was accepted"),
            Err(_) => assert!(!valid, "{text} was refused"),
        }
    }

    #[test]
    fn every_precision_survives() {
        for text in [
            "2024",
            "202402",
            "20240229",
            "2024022923",
            "202402292359",
            "20240229235960",
            "20240229235959.1",
            "20240229235959.123456",
            "20240229235959.1234+0100",
            "2024022923-0330",
            "2024-0500",
        ] {
            check(text, true);
        }
    }

    #[test]
    fn what_no_calendar_has_is_refused() {
        for text in [
            "",
            "20230229",
            "20241301",
            "20240431",
            "2024022924",
            "202402291260",
            "00000101",
            "2024-02-29",
            "20240229235959.1234567",
            "202402292359.1",
            "20240229+9900",
            "2024022",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn dicom_dotted_dates_are_read() {
        assert_eq!(PartialDate::parse("1994.07.14").unwrap().to_string(), "19940714");
        assert!(PartialDate::parse("1994.0714").is_err());
    }

    #[test]
    fn times_are_given_as_far_as_known() {
        let time = |text| PartialDateTime::parse(text).unwrap().time_text();
        assert_eq!(time("20240229"), None);
        assert_eq!(time("202402291405").as_deref(), Some("1405"));
        let fraction = PartialDateTime::parse("20240229140500.25").unwrap();
        assert_eq!(fraction.precision(), Precision::Fraction);
        assert_eq!(fraction.time_text().as_deref(), Some("140500.250000"));
    }

    #[test]
    fn sort_keys_follow_time() {
        let key = |text| PartialDateTime::parse(text).unwrap().sort_key();
        assert!(key("20240229235960") < key("20240301"));
        assert!(key("20240229") < key("2024022901"));
    }
}
