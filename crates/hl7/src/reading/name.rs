//! Which of the names in PID-5 is the patient's.

use telerad_core::PersonName;

use crate::datatype::Xpn;

/// The name that was chosen, in up to three writings. `Debug` prints no name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ChosenName {
    /// The name.
    pub name: PersonName,
    /// Whether other names were left out.
    pub has_others: bool,
}

/// Chooses among the repetitions of XPN (HL7 2.5.1 section 2.A.88); `None` when no repetition has a name.
///
/// The legal name (type `L`) counts, else the first without type, else the first. Ideographic and phonetic writings
/// (representation `I` and `P`) of the same type become the groups of the DICOM name.
pub fn choose_name(names: &[Xpn]) -> Option<ChosenName> {
    let named: Vec<&Xpn> = names.iter().filter(|name| !name.name_group().is_empty()).collect();
    let of_kind = |kind: &str| named.iter().find(|name| name.name_type_code == kind);
    let kind = &of_kind("L").or_else(|| of_kind("")).or(named.first())?.name_type_code;
    let mut chosen = ChosenName::default();
    for name in &named {
        let slot = match name.name_representation_code.as_str() {
            "I" => &mut chosen.name.ideographic,
            "P" => &mut chosen.name.phonetic,
            _ => &mut chosen.name.alphabetic,
        };
        if name.name_type_code == *kind && slot.is_empty() {
            *slot = name.name_group();
        } else {
            chosen.has_others = true;
        }
    }
    Some(chosen)
}

#[cfg(test)]
mod tests {
    use super::choose_name;
    use crate::Message;
    use crate::datatype::{Datatype, Xpn};

    #[track_caller]
    fn check(field: &str, expected: Option<(&str, bool)>) {
        let message = Message::parse(format!("MSH|^~\\&|A\rPID|||||{field}\r")).unwrap();
        let names = Xpn::read_all(message.segment("PID").unwrap().field(5));
        let chosen = choose_name(&names).map(|chosen| (chosen.name.to_dicom(), chosen.has_others));
        let got = chosen.as_ref().map(|(name, has_others)| (name.as_str(), *has_others));
        assert_eq!(got, expected);
    }

    #[test]
    fn the_legal_name_counts_in_all_its_writings() {
        check("Doe^Jane^Q^Jr^Dr^MD", Some(("Doe^Jane^Q^Dr^Jr MD", false)));
        check("Alias^A^^^^^A~Doe^Jane^^^^^L", Some(("Doe^Jane", true)));
        check("Alias^A^^^^^A~Doe^Jane", Some(("Doe^Jane", true)));
        check("Maiden^A^^^^^M~Alias^B^^^^^A", Some(("Maiden^A", true)));
        check("Y^T^^^^^L^A~Z^U^^^^^L^I~X^V^^^^^L^P", Some(("Y^T=Z^U=X^V", false)));
        check("Y^T^^^^^L~Z^U^^^^^A^I", Some(("Y^T", true)));
        check("^^^^^^L", None);
        check("\"\"", None);
    }
}
