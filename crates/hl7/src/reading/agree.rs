//! When two sources say the same.

use crate::datatype::{Ce, Cwe, Cx, Ei, Hd, Ndl, Pl, Ppn, Ts, Xcn, Xon, Xpn};

/// Whether two sources of one item say the same, as far as both say anything.
///
/// One source may say more than the other: an issuer, a coding system, the minutes of a time. That is no conflict.
pub trait Agree {
    /// Whether nothing in the other contradicts this.
    fn agrees_with(&self, other: &Self) -> bool;
}

/// Equal, or one of them says nothing.
fn compatible(one: &str, other: &str) -> bool {
    one.is_empty() || other.is_empty() || one == other
}

/// Equal universal identifiers where both have one, else namespaces that do not differ. A namespace here and an object
/// identifier there may well be the same authority.
fn same_issuer(one: &Hd, other: &Hd) -> bool {
    if one.universal_id.is_empty() || other.universal_id.is_empty() {
        return compatible(&one.namespace_id, &other.namespace_id);
    }
    one.universal_id == other.universal_id
}

impl Agree for String {
    fn agrees_with(&self, other: &Self) -> bool {
        self == other
    }
}

impl Agree for Ei {
    fn agrees_with(&self, other: &Self) -> bool {
        self.entity_identifier == other.entity_identifier
            && same_issuer(&self.authority(), &other.authority())
    }
}

impl Agree for Cx {
    fn agrees_with(&self, other: &Self) -> bool {
        self.id_number == other.id_number
            && same_issuer(&self.assigning_authority, &other.assigning_authority)
    }
}

impl Agree for Ce {
    fn agrees_with(&self, other: &Self) -> bool {
        if self.identifier.is_empty() || other.identifier.is_empty() {
            return compatible(&self.text, &other.text);
        }
        self.identifier == other.identifier && compatible(&self.coding_system, &other.coding_system)
    }
}

impl Agree for Cwe {
    fn agrees_with(&self, other: &Self) -> bool {
        self.identifier == other.identifier && compatible(&self.coding_system, &other.coding_system)
    }
}

impl Agree for Xcn {
    fn agrees_with(&self, other: &Self) -> bool {
        if !self.id_number.is_empty() && !other.id_number.is_empty() {
            return self.id_number == other.id_number
                && same_issuer(&self.assigning_authority, &other.assigning_authority);
        }
        let (one, other) = (self.name_group(), other.name_group());
        one.is_empty()
            || other.is_empty()
            || (one.family.eq_ignore_ascii_case(&other.family)
                && (one.given.is_empty()
                    || other.given.is_empty()
                    || one.given.eq_ignore_ascii_case(&other.given)))
    }
}

impl Agree for Ndl {
    fn agrees_with(&self, other: &Self) -> bool {
        self.name.to_xcn().agrees_with(&other.name.to_xcn())
    }
}

impl Agree for Ppn {
    fn agrees_with(&self, other: &Self) -> bool {
        compatible(&self.id_number, &other.id_number) && self.family_name == other.family_name
    }
}

impl Agree for Xpn {
    fn agrees_with(&self, other: &Self) -> bool {
        self.name_group() == other.name_group()
    }
}

impl Agree for Xon {
    fn agrees_with(&self, other: &Self) -> bool {
        compatible(&self.organization_name, &other.organization_name)
            && compatible(self.identifier(), other.identifier())
    }
}

impl Agree for Pl {
    fn agrees_with(&self, other: &Self) -> bool {
        self == other
    }
}

/// Times agree when the longer one begins with the shorter one; a zone is compared only where both have one.
impl Agree for Ts {
    fn agrees_with(&self, other: &Self) -> bool {
        let (Some(one), Some(other)) = (self.lenient(), other.lenient()) else {
            return self.time == other.time;
        };
        if let (Some(one), Some(other)) = (one.offset_minutes(), other.offset_minutes())
            && one != other
        {
            return false;
        }
        let (one, other) = (whole(&one.to_string()), whole(&other.to_string()));
        one.starts_with(&other) || other.starts_with(&one)
    }
}

/// The digits before fraction and zone.
fn whole(time: &str) -> String {
    time.chars().take_while(char::is_ascii_digit).collect()
}
