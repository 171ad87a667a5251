//! Spans of civil time in a time zone, as instants.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use serde::{Deserialize, Serialize};
use telerad_core::Timestamp;

use crate::lane::UnknownLane;

/// A time zone and the days that count as holidays in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Calendar {
    holidays: BTreeSet<Date>,
    zone: TimeZone,
}

/// A stretch of civil time that comes back on certain days. It belongs to the day on which it begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Span {
    days: BTreeSet<Day>,
    /// Minutes after midnight.
    from: u16,
    /// Minutes after midnight; at or before `from` it is on the next day.
    to: u16,
}

/// A span as it is written in a configuration.
pub(crate) struct SpanText {
    pub(crate) days: Vec<Day>,
    pub(crate) from: String,
    pub(crate) to: String,
}

/// The kind of a day. A holiday is no weekday: what is to hold on holidays names them.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
    Holiday,
}

/// Why a schedule or a rate limit cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSchedule {
    /// A window as long as nothing, or as a whole day: nobody can tell which was meant.
    #[error("from and to are both `{time}`; expected 00:00 to 24:00 for a whole day")]
    Empty {
        /// The time of day.
        time: String,
    },
    /// A day that is none.
    #[error("holiday `{text}` is not a date; expected YYYY-MM-DD")]
    Holiday {
        /// What was written.
        text: String,
    },
    /// A lane that is none.
    #[error(transparent)]
    Lane(#[from] UnknownLane),
    /// A lane that waits for a window which stays shut once the declared holidays are over.
    #[error(
        "lane {lane} has windows on holidays only, which never open after the last of them; expected a window on a day of the week too"
    )]
    NeverOpens {
        /// The lane.
        lane: String,
    },
    /// Nothing could ever be sent.
    #[error("bytes_per_second must be at least 1")]
    NoRate,
    /// A schedule that says nothing.
    #[error("a schedule needs at least one window")]
    NoWindows,
    /// A time of day that is none.
    #[error("`{text}` is not a time of day; expected HH:MM from 00:00 to 24:00")]
    Time {
        /// What was written.
        text: String,
    },
    /// A place that the time zone database does not know.
    #[error("time zone `{name}` is unknown; expected an IANA name such as Europe/Berlin")]
    TimeZone {
        /// What was written.
        name: String,
    },
    /// More than can be meant.
    #[error("{count} {what}, at most {most}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
    },
}

impl Calendar {
    pub(crate) fn new(zone: &str, holidays: &[String]) -> Result<Self, InvalidSchedule> {
        if holidays.len() > HOLIDAYS_MAX {
            let (what, count) = ("holidays", holidays.len());
            return Err(InvalidSchedule::TooMany { what, count, most: HOLIDAYS_MAX });
        }
        let zone =
            TimeZone::get(zone).map_err(|_| InvalidSchedule::TimeZone { name: zone.to_owned() })?;
        let date = |text: &String| {
            let text = text.clone();
            text.parse::<Date>().map_err(|_| InvalidSchedule::Holiday { text })
        };
        let holidays = holidays.iter().map(date).collect::<Result<_, _>>()?;
        Ok(Self { holidays, zone })
    }

    /// Whether a span runs at an instant, and until when; else when it begins next. `None` = never again.
    pub(crate) fn next(&self, span: &Span, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let today = self.zone.to_datetime(instant(now)).date();
        // Two days back: a span that began yesterday may still run, and a zone may skip a whole day of its calendar.
        let first = days_after(today, -2)?;
        // Holidays take days out of the week, and a change of the clock may swallow a short span once.
        let days_max = 21 + 7 * i32::try_from(self.holidays.len()).unwrap_or(i32::MAX / 7 - 21);
        let holidays = self.holidays.range(first..).copied();
        let mut dates: BTreeSet<Date> =
            holidays.filter(|_| span.days.contains(&Day::Holiday)).collect();
        if span.days.iter().any(|day| *day != Day::Holiday) {
            let mut found = 0;
            for ahead in 0..days_max {
                let Some(date) = days_after(first, ahead) else { break };
                found += i32::from(!self.holidays.contains(&date) && dates.insert(date));
                // A week of ordinary days holds every day of the week; two hold one that the clock did not swallow.
                if found > 16 {
                    break;
                }
            }
        }
        dates
            .into_iter()
            .filter(|date| span.days.contains(&self.kind(*date)))
            .filter_map(|date| self.occurrence(span, date))
            .find(|(_, end)| *end > now)
    }

    fn kind(&self, date: Date) -> Day {
        use jiff::civil::Weekday::{
            Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday,
        };
        if self.holidays.contains(&date) {
            return Day::Holiday;
        }
        match date.weekday() {
            Monday => Day::Mon,
            Tuesday => Day::Tue,
            Wednesday => Day::Wed,
            Thursday => Day::Thu,
            Friday => Day::Fri,
            Saturday => Day::Sat,
            Sunday => Day::Sun,
        }
    }

    /// The span that begins on a date. `None` when the clock skips all of it.
    fn occurrence(&self, span: &Span, date: Date) -> Option<(Timestamp, Timestamp)> {
        let last = if span.to <= span.from { days_after(date, 1)? } else { date };
        let start = self.reading(civil(date, span.from)?, Reading::First)?;
        let end = self.reading(civil(last, span.to)?, Reading::Last)?;
        (start < end).then_some((start, end))
    }

    /// When the clock on the wall shows a time. A time that it shows twice is meant as early as a span can begin and as
    /// late as it can end; for one that it skips, the moment of the change stands.
    fn reading(&self, time: DateTime, which: Reading) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(time);
        let found = match (ambiguous.offset(), which) {
            (AmbiguousOffset::Unambiguous { .. }, _) => ambiguous.compatible().ok()?,
            (AmbiguousOffset::Fold { .. }, Reading::First) => ambiguous.earlier().ok()?,
            (AmbiguousOffset::Fold { .. }, Reading::Last) => ambiguous.later().ok()?,
            (AmbiguousOffset::Gap { .. }, _) => {
                let before = ambiguous.earlier().ok()?;
                self.zone.following(before).next()?.timestamp()
            }
        };
        Some(Timestamp::from_micros(found.as_microsecond()))
    }
}

impl Day {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Mon => "mon",
            Self::Tue => "tue",
            Self::Wed => "wed",
            Self::Thu => "thu",
            Self::Fri => "fri",
            Self::Sat => "sat",
            Self::Sun => "sun",
            Self::Holiday => "holiday",
        }
    }
}

#[derive(Clone, Copy)]
enum Reading {
    First,
    Last,
}

impl TryFrom<SpanText> for Span {
    type Error = InvalidSchedule;

    fn try_from(text: SpanText) -> Result<Self, InvalidSchedule> {
        let (from, to) = (minutes(&text.from)?, minutes(&text.to)?);
        if from % MINUTES_OF_DAY == to % MINUTES_OF_DAY && (from, to) != (0, MINUTES_OF_DAY) {
            return Err(InvalidSchedule::Empty { time: text.from });
        }
        let days = if text.days.is_empty() { DAYS.to_vec() } else { text.days };
        Ok(Self { days: days.into_iter().collect(), from: from % MINUTES_OF_DAY, to })
    }
}

impl Span {
    /// Whether it comes back for as long as there are weeks.
    pub(crate) fn is_weekly(&self) -> bool {
        self.days.iter().any(|day| *day != Day::Holiday)
    }
}

fn minutes(text: &str) -> Result<u16, InvalidSchedule> {
    let number = |part: &str| match part.as_bytes() {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            Some(u16::from(tens - b'0') * 10 + u16::from(ones - b'0'))
        }
        _ => None,
    };
    let parts = text.split_once(':').and_then(|(hour, minute)| {
        let (hour, minute) = (number(hour)?, number(minute)?);
        let total = hour * 60 + minute;
        (minute < 60 && total <= MINUTES_OF_DAY).then_some(total)
    });
    parts.ok_or_else(|| InvalidSchedule::Time { text: text.to_owned() })
}

fn civil(date: Date, minutes: u16) -> Option<DateTime> {
    let (date, minutes) =
        if minutes == MINUTES_OF_DAY { (days_after(date, 1)?, 0) } else { (date, minutes) };
    let part = |number: u16| i8::try_from(number).ok();
    let time = Time::new(part(minutes / 60)?, part(minutes % 60)?, 0, 0).ok()?;
    Some(date.to_datetime(time))
}

fn days_after(date: Date, days: i32) -> Option<Date> {
    date.checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

/// Instants beyond the years of the calendar are its first or last.
fn instant(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(at.as_micros()).unwrap_or(if at.as_micros() < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    })
}

const DAYS: [Day; 8] =
    [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun, Day::Holiday];

const HOLIDAYS_MAX: usize = 1000;

const MINUTES_OF_DAY: u16 = 24 * 60;
