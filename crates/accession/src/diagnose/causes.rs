//! What could make one number of another.

use super::{Cause, Remedy};
use crate::CanonicalRule;

/// Every explanation by one rule, or by two, of how `known` came to be sent as `sent`.
pub(super) fn explain(sent: &str, known: &str) -> Vec<(Vec<Cause>, Remedy)> {
    let mut found = Vec::new();
    let mut add = |steps: Vec<(Cause, CanonicalRule)>| {
        let (causes, rules): (Vec<Cause>, Vec<CanonicalRule>) = steps.into_iter().unzip();
        found.push((causes, Remedy::Rules(rules)));
    };
    if sent == known {
        return found;
    }
    for step in one_step(sent, known) {
        add(vec![step]);
    }
    // A difference in writing beside another one.
    let separators = separators(sent, known);
    if !separators.is_empty() {
        let plain = |text: &str| text.replace(|one| separators.contains(one), "");
        let rule = CanonicalRule::RemoveSeparators { separators: separators.clone() };
        for step in one_step(&plain(sent), &plain(known)) {
            add(vec![(Cause::Separators, rule.clone()), step]);
        }
    }
    let [upper_sent, upper_known] = [sent, known].map(str::to_ascii_uppercase);
    if upper_sent != sent || upper_known != known {
        for step in one_step(&upper_sent, &upper_known) {
            add(vec![(Cause::Case, CanonicalRule::UpperCase), step]);
        }
    }
    // A prefix ends where letters or signs end; behind it the number may be changed too.
    for (end, _) in sent.char_indices().skip(1) {
        let Some((prefix, rest)) = sent.split_at_checked(end) else { continue };
        let ends_here = prefix.ends_with(|one: char| !one.is_ascii_digit())
            && rest.starts_with(|one: char| one.is_alphanumeric());
        if ends_here && !known.starts_with(prefix) {
            let rule = CanonicalRule::StripPrefix { prefix: prefix.to_owned() };
            for step in one_step(rest, known) {
                if matches!(step.0, Cause::Cut | Cause::LeadingZeros | Cause::Separators) {
                    add(vec![(Cause::Prefix, rule.clone()), step]);
                }
            }
        }
    }
    found
}

fn one_step(sent: &str, known: &str) -> Vec<(Cause, CanonicalRule)> {
    let mut found = Vec::new();
    if sent == known || sent.is_empty() || known.is_empty() {
        return found;
    }
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let zeros = |text: &str| text.trim_start_matches('0').to_owned();
    if is_number(sent) && is_number(known) && zeros(sent) == zeros(known) {
        if let Ok(width) = u8::try_from(sent.len().max(known.len())) {
            found.push((Cause::LeadingZeros, CanonicalRule::ZeroPad { width }));
        }
        return found;
    }
    let characters = sent.chars().count();
    match (known.strip_prefix(sent), u8::try_from(characters)) {
        // Nobody cuts to a few characters; what is left of a short number is a number without its end.
        (Some(_), Ok(characters)) if characters >= CUT_CHARACTERS_MIN => {
            found.push((Cause::Cut, CanonicalRule::Cut { characters }));
        }
        _ => {}
    }
    let prefix = sent.strip_suffix(known).or_else(|| known.strip_suffix(sent));
    if let Some(prefix) = prefix {
        found.push((Cause::Prefix, CanonicalRule::StripPrefix { prefix: prefix.to_owned() }));
    }
    let suffix = sent.strip_prefix(known).or_else(|| known.strip_prefix(sent));
    if let Some(suffix) = suffix {
        found.push((Cause::Suffix, CanonicalRule::StripSuffix { suffix: suffix.to_owned() }));
    }
    if sent.eq_ignore_ascii_case(known) {
        found.push((Cause::Case, CanonicalRule::UpperCase));
    }
    let plain = |text: &str| text.replace(|one: char| !one.is_alphanumeric(), "");
    if plain(sent) == plain(known) && !plain(sent).is_empty() {
        let separators = separators(sent, known);
        found.push((Cause::Separators, CanonicalRule::RemoveSeparators { separators }));
    }
    found
}

/// Every sign of both, each once, sorted.
fn separators(sent: &str, known: &str) -> String {
    let mut signs: Vec<char> =
        sent.chars().chain(known.chars()).filter(|one| !one.is_alphanumeric()).collect();
    signs.sort_unstable();
    signs.dedup();
    signs.into_iter().collect()
}

/// The shortest length to which a number may have been cut.
const CUT_CHARACTERS_MIN: u8 = 8;
