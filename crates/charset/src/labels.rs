//! Names of the sets in MSH-18 and in (0008,0005), and the spellings seen in the field.

use crate::Charset as C;
use crate::{CharacterSets, Charset};

struct Label {
    charset: Charset,
    /// HL7 table 0211.
    hl7: Option<&'static str>,
    /// PS3.3 section C.12.1.1.2.
    dicom: Option<&'static str>,
    /// Upper case, letters and digits only; the two names above need not be repeated.
    spellings: &'static [&'static str],
}

impl Charset {
    /// Reads one repetition of MSH-18 (table 0211), with the spellings that real senders use.
    ///
    /// An empty field means ASCII. `None` for a name that nobody has defined.
    pub fn from_hl7(code: &str) -> Option<Self> {
        if is_blank(code) {
            return Some(Self::Ascii);
        }
        let label = TABLE.iter().find(|label| {
            label.hl7.is_some_and(|name| same_letters(code, name))
                || label.spellings.iter().any(|name| same_letters(code, name))
                || label.dicom.is_some_and(|name| same_letters(code, name))
        });
        label.map(|label| label.charset)
    }

    /// Reads one value of (0008,0005) Specific Character Set (PS3.3 section C.12.1.1.2).
    ///
    /// A zero-length value means ISO IR 6. Terms with code extensions (`ISO 2022 IR 100`) name the same set as
    /// those without (`ISO_IR 100`). `None` for a term that is not defined.
    pub fn from_dicom(term: &str) -> Option<Self> {
        if is_blank(term) {
            return Some(Self::Ascii);
        }
        let without_extension = |name: &str| {
            let extended = name.strip_prefix("ISO_IR ").map(|number| ["ISO2022IR", number]);
            extended.is_some_and(|name| {
                significant(term).eq(name.iter().flat_map(|part| significant(part)))
            })
        };
        let label = TABLE.iter().find(|label| {
            label.dicom.is_some_and(|name| same_letters(term, name) || without_extension(name))
        });
        label.map(|label| label.charset).or_else(|| Self::from_hl7(term))
    }

    /// The code of table 0211 for MSH-18; `None` for a set that HL7 does not name.
    pub fn to_hl7(self) -> Option<&'static str> {
        TABLE.iter().find(|label| label.charset == self).and_then(|label| label.hl7)
    }

    /// The defined term for (0008,0005); `None` for a set that DICOM does not name. ASCII is the empty term.
    pub fn to_dicom(self) -> Option<&'static str> {
        TABLE.iter().find(|label| label.charset == self).and_then(|label| label.dicom)
    }
}

/// Names that nobody has defined, among names that are known.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("value {position} names no known character set")]
pub struct UnknownSet {
    /// The sets that are known.
    pub understood: CharacterSets,
    /// Which name is the first unknown one, from 1.
    pub position: usize,
}

impl CharacterSets {
    /// Reads the value of (0008,0005), its values separated by `\\` (PS3.3 section C.12.1.1.2).
    ///
    /// # Errors
    /// [`UnknownSet`] when a term is not defined; an unknown first one counts as ASCII.
    pub fn from_dicom(value: &str) -> Result<Self, UnknownSet> {
        Self::from_names(value.split('\\').map(Charset::from_dicom))
    }

    /// Reads the repetitions of MSH-18 (table 0211).
    ///
    /// # Errors
    /// [`UnknownSet`] when a name is not known; an unknown first one counts as ASCII.
    pub fn from_hl7<'a>(
        repetitions: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, UnknownSet> {
        Self::from_names(repetitions.into_iter().map(Charset::from_hl7))
    }

    fn from_names(names: impl Iterator<Item = Option<Charset>>) -> Result<Self, UnknownSet> {
        let mut first = None;
        let mut others = [None; Self::OTHERS_MAX];
        let mut unknown = None;
        let mut free = others.iter_mut();
        for (index, name) in names.enumerate() {
            if name.is_none() && unknown.is_none() {
                unknown = Some(index + 1);
            }
            match (index, name) {
                (0, _) => first = name,
                (_, None | Some(Charset::Ascii)) => {}
                (_, Some(_)) => {
                    if let Some(place) = free.next() {
                        *place = name;
                    }
                }
            }
        }
        let understood = Self::new(first.unwrap_or_default(), others.into_iter().flatten());
        match unknown {
            None => Ok(understood),
            Some(position) => Err(UnknownSet { understood, position }),
        }
    }

    /// The value of (0008,0005); `None` when DICOM does not name one of the sets.
    ///
    /// Several sets are written by their terms with code extensions, and a set of two-byte characters, which cannot
    /// be the first value, behind an empty one.
    pub fn to_dicom(&self) -> Option<String> {
        let is_pure = matches!(self.first(), C::Iso2022Jp | C::Gb2312);
        if !self.has_extensions() && !is_pure {
            return self.first().to_dicom().map(str::to_owned);
        }
        let term = |charset: Charset| {
            let term = charset.to_dicom()?;
            Some(match term.strip_prefix("ISO_IR ") {
                Some(number) => format!("ISO 2022 IR {number}"),
                None => term.to_owned(),
            })
        };
        let terms: Option<Vec<String>> = self.iter().map(term).collect();
        let terms = terms?.join("\\");
        Some(if is_pure { format!("\\{terms}") } else { terms })
    }

    /// The repetitions of MSH-18; `None` when HL7 does not name one of the sets.
    pub fn to_hl7(&self) -> Option<Vec<&'static str>> {
        self.iter().map(Charset::to_hl7).collect()
    }
}

fn is_blank(code: &str) -> bool {
    code.bytes().all(|byte| byte == b' ' || byte == 0)
}

/// Compares letters and digits only: `8859/1`, `8859-1` and `8859_1` are one name. Allocates nothing, because
/// every message that names its set comes through here.
fn same_letters(left: &str, right: &str) -> bool {
    !right.is_empty() && significant(left).eq(significant(right))
}

fn significant(text: &str) -> impl Iterator<Item = u8> + '_ {
    text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_uppercase())
}

const fn label(
    charset: Charset,
    hl7: Option<&'static str>,
    dicom: Option<&'static str>,
    spellings: &'static [&'static str],
) -> Label {
    Label { charset, hl7, dicom, spellings }
}

/// Most frequent first: the search is linear.
const TABLE: &[Label] = &[
    label(
        C::Utf8,
        Some("UNICODE UTF-8"),
        Some("ISO_IR 192"),
        &["UTF8", "UNICODE", "ISO106461", "ISO10646"],
    ),
    label(
        C::Latin1,
        Some("8859/1"),
        Some("ISO_IR 100"),
        &["ISO88591", "LATIN1", "ISOIR100", "88591"],
    ),
    label(C::Ascii, Some("ASCII"), Some(""), &["USASCII", "ISOIR6", "ISO2022IR6", "ANSIX34"]),
    label(C::Iso8859_15, Some("8859/15"), Some("ISO_IR 203"), &["ISO885915", "LATIN9"]),
    label(C::Windows1252, None, None, &["WINDOWS1252", "CP1252", "ANSI"]),
    label(C::Iso8859_2, Some("8859/2"), Some("ISO_IR 101"), &["ISO88592", "LATIN2"]),
    label(C::Iso8859_3, Some("8859/3"), Some("ISO_IR 109"), &["ISO88593", "LATIN3"]),
    label(C::Iso8859_4, Some("8859/4"), Some("ISO_IR 110"), &["ISO88594", "LATIN4"]),
    label(C::Iso8859_5, Some("8859/5"), Some("ISO_IR 144"), &["ISO88595"]),
    label(C::Iso8859_6, Some("8859/6"), Some("ISO_IR 127"), &["ISO88596"]),
    label(C::Iso8859_7, Some("8859/7"), Some("ISO_IR 126"), &["ISO88597"]),
    label(C::Iso8859_8, Some("8859/8"), Some("ISO_IR 138"), &["ISO88598"]),
    label(C::Iso8859_9, Some("8859/9"), Some("ISO_IR 148"), &["ISO88599", "LATIN5"]),
    label(C::Windows1250, None, None, &["WINDOWS1250", "CP1250"]),
    label(C::Windows1251, None, None, &["WINDOWS1251", "CP1251"]),
    label(C::Tis620, None, Some("ISO_IR 166"), &["TIS620", "ISO885911", "885911"]),
    label(C::Gb18030, Some("GB 18030-2000"), Some("GB18030"), &["GB180302005"]),
    label(C::Gbk, None, Some("GBK"), &["CP936", "GB2312", "EUCCN"]),
    label(C::Gb2312, None, Some("ISO 2022 IR 58"), &["ISOIR58"]),
    label(C::Big5, Some("BIG-5"), None, &["BIG5"]),
    label(
        C::EucKr,
        Some("KS X 1001"),
        Some("ISO 2022 IR 149"),
        &["EUCKR", "KSC5601", "KSX1001", "ISOIR149"],
    ),
    label(C::ShiftJis, None, None, &["SHIFTJIS", "SJIS", "MS932", "CP932", "WINDOWS31J"]),
    label(C::JisX0201, Some("ISO IR14"), Some("ISO_IR 13"), &["ISOIR13", "JISX0201"]),
    label(
        C::Iso2022Jp,
        Some("ISO IR87"),
        Some("ISO 2022 IR 87"),
        &["ISO2022JP", "JISX0208", "ISOIR87"],
    ),
    label(C::JisX0212, Some("ISO IR159"), Some("ISO 2022 IR 159"), &["JISX0212", "ISOIR159"]),
];
