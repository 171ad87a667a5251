//! Fields by the tables.

use super::Severity;
use super::finding::FindingCode;
use super::list::Findings;
use super::media;
use super::primitive;
use super::profile::Profile;
use crate::datatype::Composite;
use crate::group::Placed;
use crate::tables::{self, FieldRule, FieldTable, SegmentTable, Usage, Version};
use crate::{Depth, Field, Location, Path};

pub(super) fn check(
    segment: &Placed<'_>,
    version: Version,
    profile: &Profile,
    findings: &mut Findings<'_>,
) {
    let Some(table) = tables::segment(segment.segment().id()) else { return };
    // A segment that the version lacks is read by the other one: senders label 2.3 and send IPC.
    let version = if table.field_count(version) > 0 { version } else { Version::V2_5_1 };
    let Some(place) = segment.location() else { return };
    let fields = Fields { segment, table, place, version };
    fields.missing(profile, findings);
    let literals = if matches!(table.id, "MSH" | "FHS" | "BHS") { 2 } else { 0 };
    for (field, n) in segment.fields().zip(1_u16..).skip(literals) {
        if findings.is_full() {
            return;
        }
        // Type, processing id and version have findings of their own.
        let is_told = table.id == "MSH" && matches!(n, 9 | 11 | 12);
        if !field.is_empty() && !field.is_null() && !is_told {
            fields.field(field, n, profile, findings);
        }
    }
}

struct Fields<'s, 'a> {
    segment: &'s Placed<'a>,
    table: &'static SegmentTable,
    place: Location,
    version: Version,
}

impl Fields<'_, '_> {
    fn path(&self, n: u16) -> Path {
        Path { field: n, ..self.place.path() }
    }

    fn missing(&self, profile: &Profile, findings: &mut Findings<'_>) {
        for table in &self.table.fields {
            let Some(rule) = table.rule(self.version) else { continue };
            let field = self.segment.field(usize::from(table.number));
            if !field.is_empty() {
                continue;
            }
            let by_ihe = profile.uses_ihe_usage
                && table.ihe_usage(self.version).is_some_and(Usage::is_required);
            let severity = match (by_ihe, rule.usage.is_required()) {
                (true, _) => Severity::Error,
                (false, true) => Severity::Warning,
                (false, false) => continue,
            };
            let location = Location::new(self.path(table.number), Depth::Field);
            let kind = (FindingCode::FieldMissing, severity);
            findings.add(kind, location, field.span(), format!("{} is missing", table.name));
        }
    }

    fn field(&self, field: Field<'_>, n: u16, profile: &Profile, findings: &mut Findings<'_>) {
        let location = Location::new(self.path(n), Depth::Field);
        let rule = self.table.field(usize::from(n)).and_then(|table| {
            let other = [Version::V2_5_1, Version::V2_3_1].into_iter();
            let rule =
                table.rule(self.version).or_else(|| other.filter_map(|v| table.rule(v)).next());
            Some((table, rule?))
        });
        let Some((table, rule)) = rule else {
            let kind = (FindingCode::Extra, Severity::Information);
            findings.add(
                kind,
                location,
                field.span(),
                format!("{} has no such field", self.table.id),
            );
            return;
        };
        let count = field.repetitions().count();
        // Lines of a text are repetitions in any field, by habit.
        let is_text = matches!(rule.datatype, "TX" | "FT" | "ST" | "varies");
        if let Some(most) = rule.repetitions_max
            && count > usize::from(most)
            && !is_text
        {
            let kind = (FindingCode::Repetitions, Severity::Information);
            let text = format!("{count} repetitions where {} allows {most}", self.version);
            findings.add(kind, location, field.span(), text);
        }
        if let Some(length) = rule.length
            && profile.checks_lengths
            && rule.datatype != "varies"
            && field.raw().len() > length as usize
        {
            let kind = (FindingCode::TooLong, Severity::Information);
            findings.add(kind, location, field.span(), format!("longer than {length} bytes"));
        }
        self.repetitions(field, n, table, rule, findings);
    }

    fn repetitions(
        &self,
        field: Field<'_>,
        n: u16,
        table: &FieldTable,
        rule: FieldRule,
        findings: &mut Findings<'_>,
    ) {
        let named = self.segment.field(2).text();
        let datatype = match (rule.datatype, self.table.id) {
            ("varies", "OBX") => named.trim(),
            (datatype, _) => datatype,
        };
        for (repetition, number) in field.repetitions().zip(1_u16..) {
            if repetition.is_empty() || repetition.is_null() {
                continue;
            }
            let path = self.path(n).in_repetition(number);
            let place = Location::new(path, Depth::Repetition);
            let place = if number == 1 { Location::new(path, Depth::Field) } else { place };
            let value = Value { from: repetition.into(), location: place, datatype };
            value.check(self.version, table.table, 0, findings);
        }
    }
}

/// A value at any level, with what it should be.
struct Value<'t, 'a> {
    from: Composite<'a>,
    location: Location,
    datatype: &'t str,
}

impl Value<'_, '_> {
    fn check(&self, version: Version, table: Option<&str>, level: u8, findings: &mut Findings<'_>) {
        let components = tables::datatype(self.datatype)
            .map(|datatype| datatype.components(version))
            .filter(|components| !components.is_empty() && level < 2);
        let Some(components) = components else {
            self.leaf(table, findings);
            return;
        };
        // The table of a coded field is the table of its identifier.
        let coded = matches!(self.datatype, "CE" | "CWE" | "CNE" | "CF");
        if coded && let Some(table) = table {
            self.code(self.from.part(1), table, findings);
        }
        for (component, n) in components.iter().zip(1_u16..) {
            let from = self.from.part(usize::from(n));
            if from.raw().is_empty() || from.raw() == b"\"\"" {
                continue;
            }
            let path = self.location.path();
            let location = match level {
                0 => Location::new(Path { component: n, ..path }, Depth::Component),
                _ => Location::new(Path { subcomponent: n, ..path }, Depth::Subcomponent),
            };
            let datatype = match component.datatype {
                // TS in 2.3.1 is one component of type ST that holds a time.
                "ST" if self.datatype == "TS" && n == 1 => "DTM",
                datatype => datatype,
            };
            let table = component.table.filter(|table| !self.is_media_type(table, from));
            let value = Value { from, location, datatype };
            value.check(version, table, level + 1, findings);
        }
    }

    /// Whether a part of ED or RP speaks of MIME where the table names what HL7 had of its own.
    fn is_media_type(&self, table: &str, part: Composite<'_>) -> bool {
        let type_of_data = match self.datatype {
            "ED" => 2,
            "RP" => 3,
            _ => return false,
        };
        match table {
            "0191" => media::is_type(&part.text()),
            "0291" => media::is_subtype(&self.from.part(type_of_data).text(), &part.text()),
            _ => false,
        }
    }

    fn leaf(&self, table: Option<&str>, findings: &mut Findings<'_>) {
        let text = self.from.text();
        let datatype = if self.datatype == "TS" { "DTM" } else { self.datatype };
        if primitive::is_valid(datatype, &text) == Some(false) && !text.trim().is_empty() {
            let kind = (FindingCode::DatatypeInvalid, Severity::Warning);
            let text = format!("no value of type {datatype}");
            findings.add(kind, self.location, self.from.span(), text);
        }
        if let Some(table) = table.filter(|_| matches!(self.datatype, "ID" | "IS")) {
            self.code(self.from, table, findings);
        }
    }

    /// Codes of HL7's own tables (type ID) are fixed; those of user tables (IS, CE) only suggested.
    fn code(&self, from: Composite<'_>, table: &str, findings: &mut Findings<'_>) {
        let code = from.text();
        let Some(codes) = tables::codes(table).filter(|_| !code.trim().is_empty()) else { return };
        // Profiles of 2.5.1 send CWE, HD and other types in OBX-2 that table 0125 does not list.
        let is_type = table == "0125" && tables::datatype(code.trim()).is_some();
        if codes.contains(code.trim()) || is_type {
            return;
        }
        let severity =
            if self.datatype == "ID" { Severity::Warning } else { Severity::Information };
        let kind = (FindingCode::CodeUnknown, severity);
        findings.add(kind, self.location, from.span(), format!("not in table {table}"));
    }
}
