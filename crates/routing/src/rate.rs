//! How many bytes may leave over a line.

use serde::{Deserialize, Serialize};
use telerad_core::Timestamp;

use crate::calendar::{Calendar, Day, InvalidSchedule, Span, SpanText};
use crate::window::WINDOWS_MAX;
use crate::{DestinationId, InvalidDestinationId};

/// The name of a line that several destinations may share.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct LinkId(DestinationId);

impl LinkId {
    /// Checks length and repertoire, as for a destination.
    ///
    /// # Errors
    /// [`InvalidDestinationId`] when the text is empty, too long or has other characters.
    pub fn new(text: &str) -> Result<Self, InvalidDestinationId> {
        DestinationId::new(text).map(Self)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl std::fmt::Display for LinkId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The bytes that may leave each second, by time of day.
///
/// Times are spans as in a [`crate::Schedule`]; of those that run at once the first one counts, and outside of all of
/// them `bytes_per_second` does.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "RateLimitText")]
pub struct RateLimit {
    base: u64,
    burst: u64,
    times: Option<(Calendar, Vec<(Span, u64)>)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateLimitText {
    bytes_per_second: u64,
    burst_bytes: Option<u64>,
    time_zone: Option<String>,
    #[serde(default)]
    holidays: Vec<String>,
    #[serde(default)]
    times: Vec<RateTimeText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateTimeText {
    #[serde(default)]
    days: Vec<Day>,
    from: String,
    to: String,
    bytes_per_second: u64,
}

/// A token bucket: what has not been used since the last instance is saved up to the burst, and an instance larger than
/// what is saved leaves a debt that the next ones wait for.
///
/// Whoever asks while there is no debt may send, however large his instance: nothing ever waits for more than can be
/// saved, and the small do not overtake the large. Over any time the bytes that left are at most the rate times that
/// time, the burst, and one instance. The sums are whole numbers, so that nothing drifts however often it is asked.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    limit: RateLimit,
    /// Bytes times 1,000,000: what one microsecond adds is then a whole number, the rate. Below zero is debt.
    level: i128,
    at: Timestamp,
}

impl RateLimit {
    /// The same rate at all times.
    ///
    /// # Errors
    /// [`InvalidSchedule::NoRate`] for a rate of 0.
    pub fn new(bytes_per_second: u64) -> Result<Self, InvalidSchedule> {
        let burst = bytes_per_second.max(BURST_MIN);
        if bytes_per_second == 0 {
            return Err(InvalidSchedule::NoRate);
        }
        Ok(Self { base: bytes_per_second, burst, times: None })
    }

    /// The rate at an instant in bytes per second, and until when it stays so; `None` = for good.
    pub fn rate_at(&self, now: Timestamp) -> (u64, Option<Timestamp>) {
        let Some((calendar, times)) = &self.times else { return (self.base, None) };
        let mut changes: Vec<Timestamp> = Vec::new();
        let mut rate = None;
        for (span, of_span) in times {
            match calendar.next(span, now) {
                Some((begin, end)) if begin <= now => {
                    rate = rate.or(Some(*of_span));
                    changes.push(end);
                }
                Some((begin, _)) => changes.push(begin),
                None => {}
            }
        }
        (rate.unwrap_or(self.base), changes.into_iter().min())
    }
}

impl TokenBucket {
    /// A bucket that has saved its whole burst.
    pub fn new(limit: RateLimit, now: Timestamp) -> Self {
        let level = full(&limit);
        Self { limit, level, at: now }
    }

    /// Takes the bytes of one instance.
    ///
    /// # Errors
    /// When it may ask again; nothing was taken.
    pub fn take(&mut self, now: Timestamp, bytes: u64) -> Result<(), Timestamp> {
        self.fill(now);
        if self.level < 0 {
            return Err(self.free_at());
        }
        self.level -= i128::from(bytes) * MICROS;
        Ok(())
    }

    /// Takes the bytes of an instance that does not wait, such as a STAT one: those after it wait the longer.
    pub fn charge(&mut self, now: Timestamp, bytes: u64) {
        self.fill(now);
        self.level -= i128::from(bytes) * MICROS;
    }

    /// Gives back the bytes of an instance that was not sent after all.
    pub fn give_back(&mut self, bytes: u64) {
        self.level = (self.level + i128::from(bytes) * MICROS).min(full(&self.limit));
    }

    fn fill(&mut self, now: Timestamp) {
        // A clock that was set back gives nothing and takes nothing.
        while self.at < now && self.level < full(&self.limit) {
            let (rate, until) = self.limit.rate_at(self.at);
            let until = until.map_or(now, |until| until.min(now));
            self.level += i128::from(rate) * span(self.at, until);
            self.at = until;
        }
        self.level = self.level.min(full(&self.limit));
        self.at = now;
    }

    /// When the debt is paid back, if nobody takes anything meanwhile.
    fn free_at(&self) -> Timestamp {
        let (mut debt, mut at) = (-self.level, self.at);
        loop {
            let (rate, until) = self.limit.rate_at(at);
            let rate = i128::from(rate);
            let needed = debt.div_euclid(rate) + i128::from(debt.rem_euclid(rate) != 0);
            match until {
                Some(until) if span(at, until) < needed => {
                    debt -= rate * span(at, until);
                    at = until;
                }
                _ => {
                    let micros = i64::try_from(needed).unwrap_or(i64::MAX);
                    return Timestamp::from_micros(at.as_micros().saturating_add(micros));
                }
            }
        }
    }
}

fn full(limit: &RateLimit) -> i128 {
    i128::from(limit.burst) * MICROS
}

/// Microseconds from one instant to a later one.
fn span(from: Timestamp, to: Timestamp) -> i128 {
    i128::from(to.as_micros()) - i128::from(from.as_micros())
}

impl TryFrom<RateLimitText> for RateLimit {
    type Error = InvalidSchedule;

    fn try_from(text: RateLimitText) -> Result<Self, InvalidSchedule> {
        let mut limit = Self::new(text.bytes_per_second)?;
        limit.burst = text.burst_bytes.unwrap_or(limit.burst);
        if text.times.len() > WINDOWS_MAX {
            let (what, count) = ("times", text.times.len());
            return Err(InvalidSchedule::TooMany { what, count, most: WINDOWS_MAX });
        }
        if text.times.iter().any(|time| time.bytes_per_second == 0) {
            return Err(InvalidSchedule::NoRate);
        }
        if !text.times.is_empty() {
            let calendar = Calendar::new(&text.time_zone.unwrap_or_default(), &text.holidays)?;
            let mut times = Vec::new();
            for time in text.times {
                let span = SpanText { days: time.days, from: time.from, to: time.to };
                times.push((span.try_into()?, time.bytes_per_second));
            }
            limit.times = Some((calendar, times));
        }
        Ok(limit)
    }
}

/// Less would make every instance wait for the one before it, even on a line that is idle.
const BURST_MIN: u64 = 1024 * 1024;

const MICROS: i128 = 1_000_000;
