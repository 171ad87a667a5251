//! Synthetic instances.

use bytes::Bytes;

use super::encode::{Form, deflate_stored};
use crate::Rng;

/// How a synthetic instance is encoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Syntax {
    /// Deflated explicit VR little endian.
    Deflated,
    /// Encapsulated under this transfer syntax UID: one fragment a frame, of random bytes that no codec will decode.
    Encapsulated(&'static str),
    /// Explicit VR big endian.
    ExplicitBig,
    /// Explicit VR little endian.
    ExplicitLittle,
    /// Implicit VR little endian.
    ImplicitLittle,
}

impl Syntax {
    /// Its Transfer Syntax UID.
    pub fn uid(self) -> &'static str {
        match self {
            Self::Deflated => "1.2.840.10008.1.2.1.99",
            Self::Encapsulated(uid) => uid,
            Self::ExplicitBig => "1.2.840.10008.1.2.2",
            Self::ExplicitLittle => "1.2.840.10008.1.2.1",
            Self::ImplicitLittle => "1.2.840.10008.1.2",
        }
    }

    fn form(self) -> Form {
        Form { explicit: self != Self::ImplicitLittle, big: self == Self::ExplicitBig }
    }
}

/// A synthetic instance: every field may be set before it is built.
///
/// Texts are written as they are; say so in `character_set` when they are not ASCII. Empty texts are written as elements
/// without a value. Pixel values are noise from the seed, 16 bits each.
#[derive(Clone, Debug)]
pub struct Instance {
    /// How it is encoded.
    pub syntax: Syntax,
    /// (0008,0005); left out when empty.
    pub character_set: String,
    /// (0008,0016)
    pub sop_class_uid: String,
    /// (0008,0018)
    pub sop_instance_uid: String,
    /// (0020,000D)
    pub study_instance_uid: String,
    /// (0020,000E)
    pub series_instance_uid: String,
    /// (0008,0020)
    pub study_date: String,
    /// (0008,0050)
    pub accession: String,
    /// (0008,0051) > (0040,0031); the sequence is left out when empty.
    pub accession_issuer: String,
    /// (0008,0060)
    pub modality: String,
    /// (0008,0080)
    pub institution: String,
    /// (0008,1010)
    pub station_name: String,
    /// (0008,1030)
    pub study_description: String,
    /// (0008,103E)
    pub series_description: String,
    /// (0010,0010), in DICOM form.
    pub patient_name: String,
    /// (0010,0020)
    pub patient_id: String,
    /// (0010,0021); left out when empty.
    pub patient_issuer: String,
    /// (0010,0030)
    pub birth_date: String,
    /// (0010,0040)
    pub sex: String,
    /// (0018,0015)
    pub body_part: String,
    /// (0040,0275) > (0040,1001); the sequence is left out when empty.
    pub requested_procedure_id: String,
    /// (0028,0010); 0 leaves out the image.
    pub rows: u16,
    /// (0028,0011)
    pub columns: u16,
    /// (0028,0008); written when more than 1.
    pub frames: u32,
    /// (0042,0011): the document of an encapsulated PDF; left out when `None`.
    pub document: Option<Vec<u8>>,
    /// More elements at the top level: tag, value representation, value.
    pub more: Vec<((u16, u16), &'static str, Vec<u8>)>,
    /// Where the noise of the pixel values starts.
    pub seed: u64,
}

impl Instance {
    /// A CT slice of 64 × 64 in explicit VR little endian; number and UIDs follow from the seed.
    pub fn new(seed: u64) -> Self {
        let uid = |kind: u64| format!("2.25.{}", (u128::from(kind) << 64) | u128::from(seed));
        Self {
            syntax: Syntax::ExplicitLittle,
            character_set: String::new(),
            sop_class_uid: "1.2.840.10008.5.1.4.1.1.2".to_owned(),
            sop_instance_uid: uid(3),
            study_instance_uid: uid(1),
            series_instance_uid: uid(2),
            study_date: "20260105".to_owned(),
            accession: format!("A{seed}"),
            accession_issuer: String::new(),
            modality: "CT".to_owned(),
            institution: "NORTH IMAGING".to_owned(),
            station_name: "CT1".to_owned(),
            study_description: "CT HEAD".to_owned(),
            series_description: "AXIAL".to_owned(),
            patient_name: format!("TEST^PATIENT{seed}"),
            patient_id: format!("P{seed}"),
            patient_issuer: String::new(),
            birth_date: "19700101".to_owned(),
            sex: "O".to_owned(),
            body_part: "HEAD".to_owned(),
            requested_procedure_id: String::new(),
            rows: 64,
            columns: 64,
            frames: 1,
            document: None,
            more: Vec::new(),
            seed,
        }
    }

    /// An encapsulated PDF of one empty page.
    pub fn encapsulated_pdf(seed: u64) -> Self {
        Self {
            sop_class_uid: "1.2.840.10008.5.1.4.1.1.104.1".to_owned(),
            modality: "DOC".to_owned(),
            rows: 0,
            document: Some(PDF.to_vec()),
            ..Self::new(seed)
        }
    }

    /// An instance of a SOP class that no standard lists, with private elements instead of an image.
    pub fn private_class(seed: u64) -> Self {
        Self {
            sop_class_uid: "2.25.318422733517046905517341932847120057".to_owned(),
            rows: 0,
            more: vec![
                ((0x0029, 0x0010), "LO", b"TELERAD TESTKIT".to_vec()),
                ((0x0029, 0x1001), "OB", vec![0xA5; 1000]),
            ],
            ..Self::new(seed)
        }
    }

    /// The file: preamble, file meta information, data set.
    pub fn file(&self) -> Bytes {
        let mut file = self.meta();
        file.extend_from_slice(&self.data_set());
        file.into()
    }

    /// The data set alone, as it travels in a C-STORE.
    pub fn data_set(&self) -> Bytes {
        let (head, pixels) = self.head();
        let mut bytes = head.to_vec();
        let mut rng = Rng::new(self.seed);
        let form = self.syntax.form();
        let mut noise = vec![0; usize::try_from(pixels).expect("pixel data that fits in memory")];
        rng.fill(&mut noise);
        if matches!(self.syntax, Syntax::Encapsulated(_)) && self.rows > 0 {
            bytes.extend(form.header((0xFFFE, 0xE000), "", Some(0)));
            let frames = usize::try_from(self.frames.max(1)).expect("a number of frames");
            for fragment in noise.chunks((noise.len() / frames).max(1)) {
                bytes.extend(form.element((0xFFFE, 0xE000), "OB", fragment));
            }
            bytes.extend(form.header((0xFFFE, 0xE0DD), "", Some(0)));
        } else {
            bytes.append(&mut noise);
        }
        if self.syntax == Syntax::Deflated {
            return deflate_stored(&bytes).into();
        }
        bytes.into()
    }

    /// The data set up to and including the header of the pixel data, and how many bytes of pixel values belong behind
    /// it (native syntaxes). A caller that wants a gigabyte streams them. 0 when there is no image.
    pub fn head(&self) -> (Bytes, u64) {
        let form = self.syntax.form();
        let mut elements = self.elements();
        elements.sort_by_key(|element| element.0);
        let mut bytes: Vec<u8> =
            elements.iter().flat_map(|(tag, vr, value)| form.element(*tag, vr, value)).collect();
        if self.rows == 0 {
            return (bytes.into(), 0);
        }
        let pixels =
            u64::from(self.rows) * u64::from(self.columns) * u64::from(self.frames.max(1)) * 2;
        let length = match self.syntax {
            Syntax::Encapsulated(_) => None,
            _ => Some(u32::try_from(pixels).expect("native pixel data below 4 GiB")),
        };
        let vr = if length.is_some() { "OW" } else { "OB" };
        bytes.extend(form.header((0x7FE0, 0x0010), vr, length));
        (bytes.into(), pixels)
    }

    /// Preamble, prefix and file meta information.
    pub fn meta(&self) -> Vec<u8> {
        let form = Form { explicit: true, big: false };
        let mut group = form.element((0x0002, 0x0001), "OB", &[0, 1]);
        for (element, value) in [
            (0x0002, self.sop_class_uid.as_str()),
            (0x0003, self.sop_instance_uid.as_str()),
            (0x0010, self.syntax.uid()),
            (0x0012, "2.25.290001"),
        ] {
            group.extend(form.element((0x0002, element), "UI", value.as_bytes()));
        }
        let length = u32::try_from(group.len()).expect("a short group");
        let mut file = vec![0; 128];
        file.extend_from_slice(b"DICM");
        file.extend(form.element((0x0002, 0x0000), "UL", &length.to_le_bytes()));
        file.append(&mut group);
        file
    }

    fn elements(&self) -> Vec<((u16, u16), &'static str, Vec<u8>)> {
        let text =
            |group, element, vr, text: &str| ((group, element), vr, text.as_bytes().to_vec());
        let mut elements = vec![
            text(0x0008, 0x0016, "UI", &self.sop_class_uid),
            text(0x0008, 0x0018, "UI", &self.sop_instance_uid),
            text(0x0008, 0x0020, "DA", &self.study_date),
            text(0x0008, 0x0030, "TM", "101500"),
            text(0x0008, 0x0050, "SH", &self.accession),
            text(0x0008, 0x0060, "CS", &self.modality),
            text(0x0008, 0x0080, "LO", &self.institution),
            text(0x0008, 0x0090, "PN", "REFERRER^ANNA"),
            text(0x0008, 0x1010, "SH", &self.station_name),
            text(0x0008, 0x1030, "LO", &self.study_description),
            text(0x0008, 0x103E, "LO", &self.series_description),
            text(0x0010, 0x0010, "PN", &self.patient_name),
            text(0x0010, 0x0020, "LO", &self.patient_id),
            text(0x0010, 0x0030, "DA", &self.birth_date),
            text(0x0010, 0x0040, "CS", &self.sex),
            text(0x0018, 0x0015, "CS", &self.body_part),
            text(0x0020, 0x000D, "UI", &self.study_instance_uid),
            text(0x0020, 0x000E, "UI", &self.series_instance_uid),
            text(0x0020, 0x0010, "SH", "S1"),
            text(0x0020, 0x0011, "IS", "1"),
            text(0x0020, 0x0013, "IS", "1"),
        ];
        let form = self.syntax.form();
        if !self.character_set.is_empty() {
            elements.push(text(0x0008, 0x0005, "CS", &self.character_set));
        }
        if !self.patient_issuer.is_empty() {
            elements.push(text(0x0010, 0x0021, "LO", &self.patient_issuer));
        }
        if !self.accession_issuer.is_empty() {
            let issuer = form.element((0x0040, 0x0031), "UT", self.accession_issuer.as_bytes());
            elements.push(((0x0008, 0x0051), "SQ", item(form, &issuer)));
        }
        if !self.requested_procedure_id.is_empty() {
            let id = form.element((0x0040, 0x1001), "SH", self.requested_procedure_id.as_bytes());
            elements.push(((0x0040, 0x0275), "SQ", item(form, &id)));
        }
        if self.rows > 0 {
            elements.extend(self.image_elements());
        }
        if let Some(document) = &self.document {
            elements.push(text(0x0042, 0x0010, "ST", "REPORT"));
            elements.push(((0x0042, 0x0011), "OB", document.clone()));
            elements.push(text(0x0042, 0x0012, "LO", "application/pdf"));
        }
        elements.extend(self.more.iter().cloned());
        elements
    }

    fn image_elements(&self) -> Vec<((u16, u16), &'static str, Vec<u8>)> {
        let form = self.syntax.form();
        let number = |element, number| ((0x0028, element), "US", form.u16(number).to_vec());
        let mut elements = vec![
            number(0x0002, 1),
            ((0x0028, 0x0004), "CS", b"MONOCHROME2".to_vec()),
            number(0x0010, self.rows),
            number(0x0011, self.columns),
            number(0x0100, 16),
            number(0x0101, 16),
            number(0x0102, 15),
            number(0x0103, 0),
        ];
        if self.frames > 1 {
            elements.push(((0x0028, 0x0008), "IS", self.frames.to_string().into_bytes()));
        }
        elements
    }
}

/// The data set of an item, in an item of defined length.
fn item(form: Form, elements: &[u8]) -> Vec<u8> {
    form.element((0xFFFE, 0xE000), "OB", elements)
}

const PDF: &[u8] = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>endobj\n\
xref\n0 4\n0000000000 65535 f \n0000000009 00000 n \n0000000052 00000 n \n0000000101 00000 n \n\
trailer<</Size 4/Root 1 0 R>>\nstartxref\n162\n%%EOF\n";
