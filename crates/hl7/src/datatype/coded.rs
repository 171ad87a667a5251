//! Coded values.

use telerad_core::Code;

use super::composite::composite;

composite! {
    /// CE, a coded element (HL7 2.5.1 section 2.A.9).
    Ce {
        /// CE-1
        1 identifier: String,
        /// CE-2
        2 text: String,
        /// CE-3, table 0396, such as `LN`, `DCM`, `L`.
        3 coding_system: String,
        /// CE-4; in IHE RAD-4 the protocol code of OBR-4.
        4 alternate_identifier: String,
        /// CE-5
        5 alternate_text: String,
        /// CE-6
        6 alternate_coding_system: String,
    }

    /// CWE, coded with exceptions (HL7 2.5.1 section 2.A.13).
    Cwe {
        /// CWE-1
        1 identifier: String,
        /// CWE-2
        2 text: String,
        /// CWE-3
        3 coding_system: String,
        /// CWE-4
        4 alternate_identifier: String,
        /// CWE-5
        5 alternate_text: String,
        /// CWE-6
        6 alternate_coding_system: String,
        /// CWE-7
        7 coding_system_version_id: String,
        /// CWE-8
        8 alternate_coding_system_version_id: String,
        /// CWE-9, what the person wrote.
        9 original_text: String,
    }
}

/// CNE, coded with no exceptions: laid out as CWE, with CNE-1 required (HL7 2.5.1 section 2.A.10).
pub type Cne = Cwe;

impl Ce {
    /// The first code.
    pub fn code(&self) -> Code {
        code([&self.identifier, &self.coding_system, &self.text])
    }

    /// The alternate code; `None` when it is empty.
    pub fn alternate_code(&self) -> Option<Code> {
        alternate([&self.alternate_identifier, &self.alternate_coding_system, &self.alternate_text])
    }
}

impl Cwe {
    /// The first code; its meaning is the original text where CWE-2 is empty.
    pub fn code(&self) -> Code {
        let text = if self.text.is_empty() { &self.original_text } else { &self.text };
        code([&self.identifier, &self.coding_system, text])
    }

    /// The alternate code; `None` when it is empty.
    pub fn alternate_code(&self) -> Option<Code> {
        alternate([&self.alternate_identifier, &self.alternate_coding_system, &self.alternate_text])
    }
}

fn code([value, scheme, meaning]: [&String; 3]) -> Code {
    Code { value: value.clone(), scheme: scheme.clone(), meaning: meaning.clone() }
}

fn alternate(parts: [&String; 3]) -> Option<Code> {
    let [value, _, meaning] = parts;
    (!value.is_empty() || !meaning.is_empty()).then(|| code(parts))
}

impl From<&Code> for Ce {
    fn from(code: &Code) -> Self {
        Self {
            identifier: code.value.clone(),
            text: code.meaning.clone(),
            coding_system: code.scheme.clone(),
            ..Self::default()
        }
    }
}
