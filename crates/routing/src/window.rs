//! When deliveries may be made.

use serde::{Deserialize, Serialize};
use telerad_core::{Priority, Timestamp};

use crate::calendar::{Calendar, InvalidSchedule, Span, SpanText};
use crate::lane::{LANES, lane_name, parse_lane};

/// Windows in which a destination is sent to, or in which a rule applies.
///
/// A lane for which there are windows waits until one of them is open; a lane for which there is none is open always.
/// STAT is such a lane unless a window names it. A window that ends at or before its beginning ends on the next day,
/// and belongs to the day on which it begins: `from = "20:00", to = "06:00", days = ["fri"]` is the night to Saturday.
/// A holiday is no weekday; windows for holidays name `holiday`, and windows without days are for all days.
///
/// When the clock is set forward over the beginning or end of a window, the moment of the change stands for it, and a
/// window that is skipped whole does not open that day. When it is set back, a window opens at the first and shuts at
/// the last of the two times that the clock shows.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "ScheduleText")]
pub struct Schedule {
    calendar: Calendar,
    text: ScheduleText,
    windows: Vec<Window>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Window {
    lanes: Vec<Priority>,
    span: Span,
}

/// A schedule as it is written.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct ScheduleText {
    time_zone: String,
    #[serde(default)]
    holidays: Vec<String>,
    windows: Vec<WindowText>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct WindowText {
    #[serde(default)]
    days: Vec<crate::calendar::Day>,
    from: String,
    to: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lanes: Vec<String>,
}

impl Schedule {
    /// When the lane may be sent next; `None` = now.
    pub fn opens_at(&self, lane: Priority, now: Timestamp) -> Option<Timestamp> {
        let windows = self.windows.iter().filter(|window| window.lanes.contains(&lane));
        let mut begins = Vec::new();
        for window in windows {
            match self.calendar.next(&window.span, now) {
                Some((begin, _)) if begin <= now => return None,
                Some((begin, _)) => begins.push(begin),
                None => {}
            }
        }
        begins.into_iter().min()
    }

    /// Whether the lane may be sent now.
    pub fn is_open(&self, lane: Priority, now: Timestamp) -> bool {
        self.opens_at(lane, now).is_none()
    }

    /// Whether any window is open now, whatever its lanes: what a rule that applies at certain times goes by.
    pub(crate) fn runs(&self, now: Timestamp) -> bool {
        let runs = |window: &Window| {
            self.calendar.next(&window.span, now).is_some_and(|(begin, _)| begin <= now)
        };
        self.windows.iter().any(runs)
    }

    /// Whether urgent studies may have to wait: a window names STAT, so that STAT is shut outside of it.
    pub fn holds_back_stat(&self) -> bool {
        self.windows.iter().any(|window| window.lanes.contains(&Priority::Stat))
    }

    /// Whether a window names lanes. What applies to rules has none, since rules come before lanes.
    pub fn names_lanes(&self) -> bool {
        self.text.windows.iter().any(|window| !window.lanes.is_empty())
    }
}

impl std::fmt::Display for Schedule {
    /// The same text for the same schedule in every build: rule set versions rest on it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = &self.text;
        write!(f, "{} except {:?}", text.time_zone, text.holidays)?;
        for window in &text.windows {
            let days: Vec<&str> = window.days.iter().map(|day| day.as_str()).collect();
            write!(f, ", {days:?} {} to {} {:?}", window.from, window.to, window.lanes)?;
        }
        Ok(())
    }
}

impl Serialize for Schedule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl TryFrom<ScheduleText> for Schedule {
    type Error = InvalidSchedule;

    fn try_from(text: ScheduleText) -> Result<Self, InvalidSchedule> {
        if text.windows.is_empty() {
            return Err(InvalidSchedule::NoWindows);
        }
        if text.windows.len() > WINDOWS_MAX {
            let (what, count) = ("windows", text.windows.len());
            return Err(InvalidSchedule::TooMany { what, count, most: WINDOWS_MAX });
        }
        let calendar = Calendar::new(&text.time_zone, &text.holidays)?;
        let mut windows = Vec::new();
        for window in &text.windows {
            let named = window.lanes.iter().map(|lane| parse_lane(lane));
            let mut lanes = named.collect::<Result<Vec<_>, _>>()?;
            if lanes.is_empty() {
                lanes = LANES.into_iter().filter(|lane| *lane != Priority::Stat).collect();
            }
            let (days, from, to) = (window.days.clone(), window.from.clone(), window.to.clone());
            windows.push(Window { lanes, span: SpanText { days, from, to }.try_into()? });
        }
        for lane in LANES {
            let mut of_lane = windows.iter().filter(|window| window.lanes.contains(&lane));
            let has_any = of_lane.clone().next().is_some();
            if has_any && !of_lane.any(|window| window.span.is_weekly()) {
                return Err(InvalidSchedule::NeverOpens { lane: lane_name(lane).to_owned() });
            }
        }
        Ok(Self { calendar, text, windows })
    }
}

pub(crate) const WINDOWS_MAX: usize = 64;
