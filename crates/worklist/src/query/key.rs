//! Single keys and how they match.

use telerad_core::{PartialDate, PartialDateTime, PersonName};
use telerad_dicom::{DataSet, Tag};

use super::{QueryError, fold, wildcard};

/// A key on a text that is not a name: one or more alternatives.
#[derive(Clone)]
pub(super) struct TextKey {
    values: Vec<String>,
    wildcards: bool,
}

impl TextKey {
    /// A key whose values are literal; `None` when it is universal.
    pub(super) fn exact(text: &str) -> Option<Self> {
        Self::read(text, false)
    }

    /// A key in which `*` and `?` are wildcards; `None` when it is universal.
    pub(super) fn wild(text: &str) -> Option<Self> {
        Self::read(text, true)
    }

    fn read(text: &str, wildcards: bool) -> Option<Self> {
        let values: Vec<String> =
            text.split('\\').map(|value| value.trim_matches([' ', '\0']).to_owned()).collect();
        let real = !values.iter().any(|value| is_star(value))
            && values.iter().any(|value| !value.is_empty());
        real.then_some(Self { values, wildcards })
    }

    /// Whether one alternative matches a known value. An unknown one fails (PS3.4 section K.2.2.1.1.1).
    pub(super) fn matches(&self, value: &str) -> bool {
        let one = |key: &String| {
            if self.wildcards { wildcard::matches(key, value) } else { key == value }
        };
        !value.is_empty() && self.values.iter().filter(|key| !key.is_empty()).any(one)
    }

    /// The values when all of them are literal, so that they can be looked up.
    pub(super) fn literals(&self) -> Option<impl Iterator<Item = &str>> {
        let is_pattern = |value: &String| self.wildcards && value.contains(['*', '?']);
        let literal = !self.values.iter().any(is_pattern);
        let values = self.values.iter().filter(|value| !value.is_empty());
        literal.then(|| values.map(String::as_str))
    }
}

/// A key on a name.
#[derive(Clone)]
pub(super) struct NameKey {
    /// Folded patterns by group; a universal group is `None`.
    groups: Vec<Option<String>>,
}

impl NameKey {
    /// `None` when it is universal.
    pub(super) fn read(text: &str) -> Option<Self> {
        let folded = fold::name(&PersonName::from_dicom(text));
        let groups: Vec<Option<String>> = folded
            .split('=')
            .map(|group| (!group.is_empty() && !is_star(group)).then(|| group.to_owned()))
            .collect();
        groups.iter().any(Option::is_some).then_some(Self { groups })
    }

    /// A key without `=` matches any writing of the name; one with groups matches group by group.
    pub(super) fn matches(&self, name: &PersonName) -> bool {
        self.matches_folded(&fold::name(name))
    }

    /// The same for a name that was folded before.
    pub(super) fn matches_folded(&self, name: &str) -> bool {
        let mut stored = name.split('=');
        let holds = |key: &str, group: &str| !group.is_empty() && wildcard::matches(key, group);
        if let [Some(key)] = self.groups.as_slice() {
            return stored.any(|group| holds(key, group));
        }
        self.groups.iter().all(|key| {
            let group = stored.next().unwrap_or("");
            key.as_ref().is_none_or(|key| holds(key, group))
        })
    }

    /// The longest run of characters that every matching name holds.
    pub(super) fn longest_literal(&self) -> &str {
        let literals = self.groups.iter().flatten().map(|key| wildcard::longest_literal(key));
        literals.max_by_key(|literal| literal.len()).unwrap_or("")
    }
}

/// A key on a date of birth.
#[derive(Clone)]
pub(super) struct BirthDateKey(Range);

impl BirthDateKey {
    pub(super) fn read(set: &DataSet, tag: Tag) -> Result<Option<Self>, QueryError> {
        Ok(Range::read(set, tag, date, QueryError::NotADate)?.map(Self))
    }

    /// A date that is not known to the day is unknown to DICOM.
    pub(super) fn matches(&self, stored: Option<PartialDate>) -> bool {
        stored.and_then(day_number).is_some_and(|day| self.0.holds(day))
    }
}

/// The keys on start date and time, which belong together.
#[derive(Clone)]
pub(super) struct StartKey {
    date: Option<Range>,
    time: Option<Range>,
}

impl StartKey {
    pub(super) fn read(set: &DataSet, date_tag: Tag, time_tag: Tag) -> Result<Self, QueryError> {
        Ok(Self {
            date: Range::read(set, date_tag, date, QueryError::NotADate)?,
            // TM has no wildcards, but some modalities send `*` for any time; to refuse them would hide the whole list.
            time: match set.text(time_tag) {
                Some(text) if is_star(text.trim_matches([' ', '\0'])) => None,
                _ => Range::read(set, time_tag, time, QueryError::NotATime)?,
            },
        })
    }

    pub(super) fn matches(&self, start: Option<PartialDateTime>) -> bool {
        let (day, moment) = day_and_moment(start);
        self.matches_at(day, moment)
    }

    /// The same for a start that was taken apart before.
    pub(super) fn matches_at(&self, day: Option<i64>, moment: Option<i64>) -> bool {
        match (&self.date, &self.time) {
            (None, None) => true,
            (Some(date), None) => day.is_some_and(|day| date.holds(day)),
            (None, Some(time)) => moment.is_some_and(|moment| time.holds_around(moment)),
            // PS3.4 table K.6-1: July 5, 10 am to July 7, 6 pm is one interval.
            (Some(date), Some(time)) if date.is_range && time.is_range => {
                let (Some(day), Some(moment)) = (day, moment) else { return false };
                let at = (day, moment);
                date.first.is_none_or(|first| (first, time.first.unwrap_or(0)) <= at)
                    && date.last.is_none_or(|last| at <= (last, time.last.unwrap_or(i64::MAX)))
            }
            (Some(date), Some(time)) => {
                day.is_some_and(|day| date.holds(day))
                    && moment.is_some_and(|moment| time.holds_around(moment))
            }
        }
    }

    /// First and last day, for looking up candidates.
    pub(super) fn dates(&self) -> Option<(String, String)> {
        let date = self.date.as_ref()?;
        let text = |day: Option<i64>, open: i64| format!("{:08}", day.unwrap_or(open));
        Some((text(date.first, 0), text(date.last, 99_999_999)))
    }

    /// First and last day as numbers; `None` when every step can match, also one without a day.
    pub(super) fn days(&self) -> Option<(i64, i64)> {
        let date = self.date.as_ref()?;
        Some((date.first.unwrap_or(1), date.last.unwrap_or(i64::MAX)))
    }
}

/// The day of a start as a number (`YYYYMMDD`), and the microsecond of that day, as far as they are known.
pub(super) fn day_and_moment(start: Option<PartialDateTime>) -> (Option<i64>, Option<i64>) {
    let day = start.and_then(|start| day_number(start.date()));
    let moment = start.and_then(|start| start.time_text()).and_then(|text| time(&text));
    (day, moment.map(|(first, _)| first))
}

/// From the first to the last value, both included; `None` is open.
#[derive(Clone)]
struct Range {
    first: Option<i64>,
    last: Option<i64>,
    is_range: bool,
}

impl Range {
    /// `a`, `a-b`, `a-` or `-b` (PS3.4 section C.2.2.2.5). `read` gives the first and last number that a text means.
    fn read(
        set: &DataSet,
        tag: Tag,
        read: impl Fn(&str) -> Option<(i64, i64)>,
        error: impl Fn(Tag) -> QueryError,
    ) -> Result<Option<Self>, QueryError> {
        let text = set.text(tag).unwrap_or_default();
        let text = text.trim_matches([' ', '\0']);
        if text.is_empty() {
            return Ok(None);
        }
        let number = |text: &str| read(text.trim()).ok_or_else(|| error(tag));
        let end =
            |text: &str| if text.trim().is_empty() { Ok(None) } else { number(text).map(Some) };
        let Some((first, last)) = text.split_once('-') else {
            let (first, _) = number(text)?;
            return Ok(Some(Self { first: Some(first), last: Some(first), is_range: false }));
        };
        let first = end(first)?.map(|(first, _)| first);
        let last = end(last)?.map(|(_, last)| last);
        if first.is_none() && last.is_none() {
            // Open at both ends, as a form with two empty fields makes it: not defined, and taken as other SCPs do.
            return Ok(None);
        }
        Ok(Some(Self { first, last, is_range: true }))
    }

    fn holds(&self, value: i64) -> bool {
        self.first.is_none_or(|first| first <= value) && self.last.is_none_or(|last| value <= last)
    }

    /// As [`Range::holds`], for times of day: a range such as 2200-0600 goes over midnight. The standard leaves it
    /// undefined; taking it as empty would hide the night's patients.
    fn holds_around(&self, value: i64) -> bool {
        match (self.first, self.last) {
            (Some(first), Some(last)) if first > last => first <= value || value <= last,
            _ => self.holds(value),
        }
    }
}

/// `YYYYMMDD` as a number.
fn day_number(date: PartialDate) -> Option<i64> {
    let (month, day) = (date.month()?, date.day()?);
    Some(i64::from(date.year()) * 10_000 + i64::from(month) * 100 + i64::from(day))
}

fn date(text: &str) -> Option<(i64, i64)> {
    PartialDate::parse(text).ok().and_then(day_number).map(|day| (day, day))
}

/// Microseconds of the day: the first and the last that `HH[MM[SS[.F]]]` means. `HH:MM:SS` is the retired form.
fn time(text: &str) -> Option<(i64, i64)> {
    let digits = text.replace(':', "");
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits.as_str(), ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let part = |at: usize, limit: i64| match whole.get(at..at + 2) {
        Some(digits) => digits.parse::<i64>().ok().filter(|value| *value <= limit),
        None => Some(0),
    };
    let (hour, minute, second) = (part(0, 23)?, part(2, 59)?, part(4, 60)?);
    let micros = format!("{fraction:0<6}").parse::<i64>().ok()?;
    let first = ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros;
    let length = match (whole.len(), fraction.len()) {
        (2, 0) => 3_600_000_000,
        (4, 0) => 60_000_000,
        (6, 0) => 1_000_000,
        (6, digits) => 10_i64.pow(6 - u32::try_from(digits).ok()?),
        _ => return None,
    };
    Some((first, first + length - 1))
}

fn is_star(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'*')
}

macro_rules! redacted {
    ($($key:ident),*) => {$(
        impl std::fmt::Debug for $key {
            // Keys name patients.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($key), "(<redacted>)"))
            }
        }
    )*};
}

redacted!(BirthDateKey, NameKey, StartKey, TextKey);

#[cfg(test)]
mod tests {
    use telerad_core::PersonName;

    use super::{NameKey, time};

    #[track_caller]
    fn name(key: &str, stored: &str, expected: bool) {
        let stored = PersonName::from_dicom(stored);
        let holds = NameKey::read(key).is_none_or(|key| key.matches(&stored));
        assert_eq!(holds, expected);
    }

    #[test]
    fn case_and_trailing_delimiters_mean_nothing() {
        name("müller^jörg", "MÜLLER^Jörg", true);
        name("DOE^JANE^^^", "Doe^Jane", true);
        name("DOE", "DOE^JANE", false);
        name("MULLER^J?RG", "Müller^Jörg", true);
        name("müller*", "MULLER^JORG", true);
    }

    #[test]
    fn a_plain_key_matches_any_writing() {
        name("山田*", "Yamada^Tarou=山田^太郎=やまだ^たろう", true);
        name("ЛЮК*", "Люкceмбypг", true);
        name("yamada*", "=山田^太郎", false);
    }

    #[test]
    fn groups_match_group_by_group() {
        name("Yamada*=山田*", "Yamada^Tarou=山田^太郎", true);
        name("=山田*", "Yamada^Tarou=山田^太郎", true);
        name("=Yamada*", "Yamada^Tarou=山田^太郎", false);
        name("*=山田*", "=山田^太郎", true);
    }

    #[test]
    fn universal_keys_match_the_unknown_and_real_ones_do_not() {
        name("", "", true);
        name("*", "", true);
        name("^^^^", "", true);
        name("?*", "", false);
        name("DOE*", "", false);
    }

    #[test]
    fn times_are_read_by_meaning() {
        assert_eq!(time("2230").map(|(first, _)| first), time("22:30:00").map(|(first, _)| first));
        assert_eq!(time("10"), Some((36_000_000_000, 39_599_999_999)));
        assert_eq!(time("101500.5"), Some((36_900_500_000, 36_900_599_999)));
        for bad in ["", "1", "24", "1060", "10150.5", "ten", "101500.1234567"] {
            assert_eq!(time(bad), None, "{bad}");
        }
    }
}
