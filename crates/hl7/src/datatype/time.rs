//! Times and quantities.

use telerad_core::{InvalidDate, PartialDateTime};

use super::Ce;
use super::composite::composite;

composite! {
    /// TS, a point in time (HL7 2.5.1 section 2.A.79), and DTM, its first component.
    Ts {
        /// TS-1: `YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]`.
        1 time: String,
        /// TS-2, table 0529, which says the precision in versions before 2.3: `Y` `L` `D` `H` `M` `S`.
        2 degree_of_precision: String,
    }

    /// DR, a range of time (HL7 2.5.1 section 2.A.20).
    Dr {
        /// DR-1
        1 start: Ts,
        /// DR-2
        2 end: Ts,
    }

    /// CQ, a quantity with its unit (HL7 2.5.1 section 2.A.12).
    Cq {
        /// CQ-1
        1 quantity: String,
        /// CQ-2
        2 units: Ce,
    }

    /// RI, a repeat interval (HL7 2.5.1 section 2.A.66).
    Ri {
        /// RI-1, table 0335.
        1 repeat_pattern: String,
        /// RI-2
        2 explicit_time_interval: String,
    }

    /// TQ, timing and quantity in ORC-7, OBR-27 and SCH-11 (HL7 2.5.1 section 2.A.81).
    Tq {
        /// TQ-1
        1 quantity: Cq,
        /// TQ-2
        2 interval: Ri,
        /// TQ-3
        3 duration: String,
        /// TQ-4, the scheduled start.
        4 start: Ts,
        /// TQ-5
        5 end: Ts,
        /// TQ-6, as table 0485.
        6 priority: String,
        /// TQ-7
        7 condition: String,
        /// TQ-8
        8 text: String,
        /// TQ-9, table 0472.
        9 conjunction: String,
        /// TQ-11
        11 occurrence_duration: Ce,
        /// TQ-12
        12 total_occurrences: String,
    }
}

impl Ts {
    /// The time exactly as the standard writes it, with the precision of TS-2 where that is less.
    ///
    /// # Errors
    /// [`InvalidDate`] for any other form; [`Ts::lenient`] reads more.
    pub fn exact(&self) -> Result<PartialDateTime, InvalidDate> {
        let time = PartialDateTime::parse(&self.time)?;
        Ok(self.with_stated_precision(&time).unwrap_or(time))
    }

    /// The time, also in the forms that senders use instead: `YYYY-MM-DD HH:MM:SS` with `T` or blank, `Z` for UTC, more
    /// than six digits of a fraction, a fraction after minutes, hour 24 or a broken time, of which the date is kept.
    ///
    /// Eight zeros and their like are no date. A time is never completed and never given a zone.
    pub fn lenient(&self) -> Option<PartialDateTime> {
        if let Ok(time) = self.exact() {
            return Some(time);
        }
        let (text, zone) = split_zone(self.time.trim());
        let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
        let is_separator = |letter: char| matches!(letter, '-' | '/' | ':' | 'T' | 't' | ' ');
        let digits: String = whole.chars().filter(|letter| !is_separator(*letter)).collect();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let fraction: String = fraction.chars().take(6).collect();
        let with_fraction = format!("{digits}.{fraction}{zone}");
        let with_zone = format!("{digits}{zone}");
        let date = digits.get(..8).unwrap_or_default();
        let attempts = [with_fraction.as_str(), with_zone.as_str(), digits.as_str(), date];
        let time = attempts.into_iter().find_map(|text| PartialDateTime::parse(text).ok())?;
        Some(self.with_stated_precision(&time).unwrap_or(time))
    }

    fn with_stated_precision(&self, time: &PartialDateTime) -> Option<PartialDateTime> {
        let digits = match self.degree_of_precision.as_str() {
            "Y" => 4,
            "L" => 6,
            "D" => 8,
            "H" => 10,
            "M" => 12,
            _ => return None,
        };
        let written = time.to_string();
        let (whole, zone) = split_zone(&written);
        let whole = whole.split('.').next().unwrap_or_default();
        let zone = if digits > 8 { zone.as_str() } else { "" };
        PartialDateTime::parse(&format!("{}{zone}", whole.get(..digits)?)).ok()
    }
}

/// The zone as `±ZZZZ`, or nothing. A minus among the first eleven characters separates parts of a date.
fn split_zone(text: &str) -> (&str, String) {
    if let Some(text) = text.strip_suffix(['Z', 'z']) {
        return (text, "+0000".to_owned());
    }
    let sign = text.rfind(['+', '-']).filter(|&at| {
        let is_zone = text.get(at..).is_some_and(|zone| matches!(zone.len(), 5 | 6));
        is_zone && (text.as_bytes().get(at) == Some(&b'+') || at > 10)
    });
    match sign.and_then(|at| text.split_at_checked(at)) {
        Some((time, zone)) => (time, zone.replace(':', "")),
        None => (text, String::new()),
    }
}

impl From<&PartialDateTime> for Ts {
    fn from(time: &PartialDateTime) -> Self {
        Self { time: time.to_string(), ..Self::default() }
    }
}
