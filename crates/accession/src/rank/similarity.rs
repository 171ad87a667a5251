//! How alike two texts are, for people who look.

/// Jaro–Winkler similarity, 0 to 1: Jaro's, raised for a common beginning of up to four characters where it is above 0.7.
pub fn jaro_winkler(one: &str, other: &str) -> f64 {
    let [one, other] = [one, other].map(|text| text.chars().collect::<Vec<char>>());
    similarity(&one, &other)
}

pub(super) fn similarity(one: &[char], other: &[char]) -> f64 {
    let jaro = jaro(one, other);
    if jaro <= 0.7 {
        return jaro;
    }
    let common = one.iter().zip(other).take(4).take_while(|(one, other)| one == other).count();
    jaro + common as f64 * 0.1 * (1.0 - jaro)
}

fn jaro(one: &[char], other: &[char]) -> f64 {
    // Further characters of such a long text make no difference to a person.
    let [one, other] = [one, other].map(|text| text.get(..64).unwrap_or(text));
    if one.is_empty() || other.is_empty() {
        return f64::from(u8::from(one.is_empty() && other.is_empty()));
    }
    let window = (one.len().max(other.len()) / 2).saturating_sub(1);
    let (mut in_one, mut in_other) = (0_u64, 0_u64);
    for (place, character) in one.iter().enumerate() {
        let (from, to) = (place.saturating_sub(window), (place + window + 1).min(other.len()));
        let near = other.get(from..to).unwrap_or_default().iter().zip(from..);
        let free = |(theirs, at): &(&char, usize)| *theirs == character && in_other >> at & 1 == 0;
        if let Some((_, at)) = near.into_iter().find(free) {
            in_one |= 1 << place;
            in_other |= 1 << at;
        }
    }
    let matches = f64::from(in_one.count_ones());
    if matches == 0.0 {
        return 0.0;
    }
    let chosen = |text: &[char], set: u64| {
        let numbered = text.iter().copied().enumerate();
        numbered.filter(|(place, _)| set >> place & 1 == 1).map(|(_, one)| one).collect::<Vec<_>>()
    };
    let moved = match one == other {
        true => 0,
        false => {
            let pairs = chosen(one, in_one).into_iter().zip(chosen(other, in_other));
            pairs.filter(|(one, other)| one != other).count()
        }
    };
    let halves = (moved / 2) as f64;
    let part = |length: usize| matches / length as f64;
    (part(one.len()) + part(other.len()) + (matches - halves) / matches) / 3.0
}

/// Whether two dates of eight digits differ by one digit, by two digits that changed places, or by month for day.
pub(super) fn is_near_date(one: &[char], other: &[char]) -> bool {
    if one.len() != 8 || other.len() != 8 {
        return false;
    }
    let differing: Vec<usize> = (0..8).filter(|place| one[*place] != other[*place]).collect();
    let swapped =
        |first: usize, second: usize| one[first] == other[second] && one[second] == other[first];
    match differing.as_slice() {
        [_] => true,
        [first, second] => swapped(*first, *second),
        _ => one[..4] == other[..4] && one[4..6] == other[6..] && one[6..] == other[4..6],
    }
}

#[cfg(test)]
mod tests {
    use super::{is_near_date, jaro_winkler};

    #[test]
    fn published_values() {
        for (one, other, expected) in [
            ("MARTHA", "MARHTA", 0.9611),
            ("DIXON", "DICKSONX", 0.8133),
            ("DWAYNE", "DUANE", 0.84),
            ("JONES", "JONES", 1.0),
            ("ABC", "XYZ", 0.0),
            ("", "A", 0.0),
        ] {
            for got in [jaro_winkler(one, other), jaro_winkler(other, one)] {
                assert!((got - expected).abs() < 0.0001, "{one} {other} {got}");
            }
        }
    }

    #[test]
    fn dates_one_slip_apart_are_near() {
        let check = |one: &str, other: &str| {
            let [one, other] = [one, other].map(|text| text.chars().collect::<Vec<_>>());
            is_near_date(&one, &other)
        };
        assert!(check("19800102", "19800103") && check("19800102", "19800201"));
        assert!(check("19800102", "19080102") && check("19801102", "19800211"));
        assert!(!check("19800102", "19810103") && !check("1980", "19800103"));
    }
}
