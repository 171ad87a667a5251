//! What stands in for values that a worklist entry must have (PS3.4 table K.6-1, type 1) and its order does not give.
//!
//! The site's rules come first, then its table of locations, then its defaults. A patient who is identified is never left
//! off the list: the last resorts are modality `OT`, every station of the site and the time of the message.

use telerad_core::{PartialDateTime, Timestamp};

use crate::finding::{FindingCode, Findings};
use crate::mapping::{Kind, LocationRule, Mapping, MissingStart};

pub(super) fn modality(kind: Kind<'_>, mapping: &Mapping, findings: &mut Findings) -> String {
    let at = places(mapping, kind).find_map(|place| place.modality.clone());
    let (modality, why) = match (at, &mapping.modality_default) {
        (Some(modality), _) => (modality, "by the site's table of locations"),
        (None, Some(modality)) => (modality.clone(), "is the site's default"),
        (None, None) => ("OT".to_owned(), "stands in for it, the site declares none"),
    };
    let text = format!("the order names no modality: {modality} {why}");
    findings.add(FindingCode::Defaulted, "OBR-24", text);
    modality
}

pub(super) fn stations(kind: Kind<'_>, mapping: &Mapping, findings: &mut Findings) -> Vec<String> {
    let rules = &mapping.station_ae_titles;
    let rule = rules.iter().find(|rule| rule.applies(kind));
    // A place that is for another modality does not do this step.
    let does = |place: &&LocationRule| {
        let is_for = place.modality.as_deref().is_none_or(|modality| modality == kind.modality);
        is_for && !place.ae_titles.is_empty()
    };
    let place = || places(mapping, kind).find(does);
    let by_rule = rule.map(|rule| &rule.ae_titles).filter(|titles| !titles.is_empty());
    let (titles, code, text) = if let Some(titles) = by_rule {
        (&titles[..], FindingCode::Derived, "stations by the site's rules")
    } else if let Some(place) = place() {
        let text = "the order names no station: by the site's table of locations";
        (&place.ae_titles[..], FindingCode::Defaulted, text)
    } else if !mapping.stations_default.is_empty() {
        let text = "the order names no station: the site's default";
        (&mapping.stations_default[..], FindingCode::Defaulted, text)
    } else {
        let text = "no station: the step is on the list of every station of the site";
        // A site without rules wants it so; where there are rules, one is missing.
        let code = if rules.is_empty() { FindingCode::Derived } else { FindingCode::Defaulted };
        (&[][..], code, text)
    };
    findings.add(code, "IPC-9", text);
    titles.iter().map(|title| title.as_str().to_owned()).collect()
}

/// `times` are those of the message and of when it came.
///
/// # Errors
/// Never: the clock of the gateway is a date.
pub(super) fn start(
    kind: Kind<'_>,
    mapping: &Mapping,
    times: (Option<PartialDateTime>, Timestamp),
    findings: &mut Findings,
) -> Result<PartialDateTime, String> {
    let at = places(mapping, kind).find_map(|place| place.start);
    let (rule, whose) = match at {
        Some(rule) => (rule, "by the site's table of locations"),
        None => (mapping.missing_start, "by the site's default"),
    };
    let sent = times.0.filter(|time| time.date().is_complete());
    let (base, clock) = match sent {
        Some(time) => (time, "message"),
        // Without a time of the sender's there is only our own, which is of another zone.
        None => {
            let text = format!("{}+0000", times.1.to_compact_utc());
            let now = PartialDateTime::parse(&text).map_err(|error| error.to_string())?;
            (now, "message's arrival")
        }
    };
    let (start, text) = match rule {
        MissingStart::TakeMessageTime => {
            let text = format!("no start of the step: the time of the {clock} stands in for it");
            (base, text)
        }
        MissingStart::At { hour, minute } => {
            let text = format!("{}{hour:02}{minute:02}", base.date());
            let start = PartialDateTime::parse(&text).map_err(|error| error.to_string())?;
            let day =
                format!("no start of the step: {hour:02}:{minute:02} of the day of the {clock}");
            (start, format!("{day} {whose}"))
        }
    };
    findings.add(FindingCode::Defaulted, "TQ1-7", text);
    Ok(start)
}

fn places<'a>(mapping: &'a Mapping, kind: Kind<'a>) -> impl Iterator<Item = &'a LocationRule> {
    mapping.locations.iter().filter(move |place| place.applies(kind))
}
