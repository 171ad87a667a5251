//! The unique identifiers that telerad names (PS3.6 annex A), and which of them say "storage".

/// Verification SOP class.
pub const VERIFICATION: &str = "1.2.840.10008.1.1";
/// The DICOM application context (PS3.7 section A.2.1).
pub const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";
/// Modality Worklist Information Model FIND SOP class.
pub const MODALITY_WORKLIST_FIND: &str = "1.2.840.10008.5.1.4.31";
/// Modality Performed Procedure Step SOP class.
pub const MODALITY_PERFORMED_PROCEDURE_STEP: &str = "1.2.840.10008.3.1.2.3.3";
/// Storage Commitment Push Model SOP class.
pub const STORAGE_COMMITMENT_PUSH_MODEL: &str = "1.2.840.10008.1.20.1";
/// The one instance of storage commitment that everybody names (PS3.4 section J.3.5).
pub const STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE: &str = "1.2.840.10008.1.20.1.1";
/// Instance Availability Notification SOP class.
pub const INSTANCE_AVAILABILITY_NOTIFICATION: &str = "1.2.840.10008.5.1.4.33";
/// Patient Root Query/Retrieve Information Model FIND SOP class.
pub const PATIENT_ROOT_FIND: &str = "1.2.840.10008.5.1.4.1.2.1.1";
/// Patient Root Query/Retrieve Information Model MOVE SOP class.
pub const PATIENT_ROOT_MOVE: &str = "1.2.840.10008.5.1.4.1.2.1.2";
/// Patient Root Query/Retrieve Information Model GET SOP class.
pub const PATIENT_ROOT_GET: &str = "1.2.840.10008.5.1.4.1.2.1.3";
/// Study Root Query/Retrieve Information Model FIND SOP class.
pub const STUDY_ROOT_FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";
/// Study Root Query/Retrieve Information Model MOVE SOP class.
pub const STUDY_ROOT_MOVE: &str = "1.2.840.10008.5.1.4.1.2.2.2";
/// Study Root Query/Retrieve Information Model GET SOP class.
pub const STUDY_ROOT_GET: &str = "1.2.840.10008.5.1.4.1.2.2.3";
/// Media Storage Directory, the SOP class of a DICOMDIR; never sent over a network.
pub const MEDIA_STORAGE_DIRECTORY: &str = "1.2.840.10008.1.3.10";

// Transfer syntaxes (PS3.5 annex A).

/// Implicit VR Little Endian.
pub const IMPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2";
/// Explicit VR Little Endian.
pub const EXPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1";
/// Encapsulated Uncompressed Explicit VR Little Endian.
pub const ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1.98";
/// Deflated Explicit VR Little Endian.
pub const DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1.99";
/// Explicit VR Big Endian; retired.
pub const EXPLICIT_VR_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
/// MPEG-4 AVC/H.264 High Profile / Level 4.1.
pub const MPEG_4_HIGH_PROFILE: &str = "1.2.840.10008.1.2.4.102";
/// HEVC/H.265 Main Profile / Level 5.1.
pub const HEVC_MAIN_PROFILE: &str = "1.2.840.10008.1.2.4.107";
/// High-Throughput JPEG 2000 Image Compression (Lossless Only).
pub const HTJ2K_LOSSLESS: &str = "1.2.840.10008.1.2.4.201";
/// High-Throughput JPEG 2000 Image Compression.
pub const HTJ2K: &str = "1.2.840.10008.1.2.4.203";
/// JPEG Baseline (Process 1).
pub const JPEG_BASELINE: &str = "1.2.840.10008.1.2.4.50";
/// JPEG Extended (Process 2.
pub const JPEG_EXTENDED: &str = "1.2.840.10008.1.2.4.51";
/// JPEG Lossless, Non-Hierarchical (Process 14).
pub const JPEG_LOSSLESS: &str = "1.2.840.10008.1.2.4.57";
/// JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1]).
pub const JPEG_LOSSLESS_SV1: &str = "1.2.840.10008.1.2.4.70";
/// JPEG-LS Lossless Image Compression.
pub const JPEG_LS_LOSSLESS: &str = "1.2.840.10008.1.2.4.80";
/// JPEG-LS Lossy (Near-Lossless) Image Compression.
pub const JPEG_LS_NEAR_LOSSLESS: &str = "1.2.840.10008.1.2.4.81";
/// JPEG 2000 Image Compression (Lossless Only).
pub const JPEG_2000_LOSSLESS: &str = "1.2.840.10008.1.2.4.90";
/// JPEG 2000 Image Compression.
pub const JPEG_2000: &str = "1.2.840.10008.1.2.4.91";
/// RLE Lossless.
pub const RLE_LOSSLESS: &str = "1.2.840.10008.1.2.5";
/// JPIP Referenced Deflate.
pub const JPIP_REFERENCED_DEFLATE: &str = "1.2.840.10008.1.2.4.95";
/// JPIP HTJ2K Referenced Deflate.
pub const JPIP_HTJ2K_REFERENCED_DEFLATE: &str = "1.2.840.10008.1.2.4.205";
/// GE's private syntax: implicit VR little endian with big-endian pixel values.
pub const GE_PRIVATE_IMPLICIT_VR: &str = "1.2.840.113619.5.2";

// Storage SOP classes (PS3.4 section B.5).

/// Computed Radiography Image Storage.
pub const COMPUTED_RADIOGRAPHY_IMAGE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.1";
/// Digital X-Ray Image Storage - For Presentation.
pub const DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION: &str = "1.2.840.10008.5.1.4.1.1.1.1";
/// Digital X-Ray Image Storage - For Processing.
pub const DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PROCESSING: &str = "1.2.840.10008.5.1.4.1.1.1.1.1";
/// Digital Mammography X-Ray Image Storage - For Presentation.
pub const DIGITAL_MAMMOGRAPHY_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION: &str =
    "1.2.840.10008.5.1.4.1.1.1.2";
/// Encapsulated PDF Storage.
pub const ENCAPSULATED_PDF_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.104.1";
/// Grayscale Softcopy Presentation State Storage.
pub const GRAYSCALE_SOFTCOPY_PRESENTATION_STATE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.11.1";
/// X-Ray Angiographic Image Storage.
pub const X_RAY_ANGIOGRAPHIC_IMAGE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.12.1";
/// X-Ray Radiofluoroscopic Image Storage.
pub const X_RAY_RADIOFLUOROSCOPIC_IMAGE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.12.2";
/// Positron Emission Tomography Image Storage.
pub const POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.128";
/// Breast Tomosynthesis Image Storage.
pub const BREAST_TOMOSYNTHESIS_IMAGE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.13.1.3";
/// CT Image Storage.
pub const CT_IMAGE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.2";
/// Enhanced CT Image Storage.
pub const ENHANCED_CT_IMAGE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.2.1";
/// Nuclear Medicine Image Storage.
pub const NUCLEAR_MEDICINE_IMAGE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.20";
/// Ultrasound Multi-frame Image Storage.
pub const ULTRASOUND_MULTI_FRAME_IMAGE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.3.1";
/// MR Image Storage.
pub const MR_IMAGE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.4";
/// Enhanced MR Image Storage.
pub const ENHANCED_MR_IMAGE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.4.1";
/// Ultrasound Image Storage.
pub const ULTRASOUND_IMAGE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.6.1";
/// Raw Data Storage.
pub const RAW_DATA_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.66";
/// Segmentation Storage.
pub const SEGMENTATION_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.66.4";
/// Secondary Capture Image Storage.
pub const SECONDARY_CAPTURE_IMAGE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.7";
/// Multi-frame Grayscale Byte Secondary Capture Image Storage.
pub const MULTI_FRAME_GRAYSCALE_BYTE_SECONDARY_CAPTURE_IMAGE_STORAGE: &str =
    "1.2.840.10008.5.1.4.1.1.7.2";
/// Multi-frame True Color Secondary Capture Image Storage.
pub const MULTI_FRAME_TRUE_COLOR_SECONDARY_CAPTURE_IMAGE_STORAGE: &str =
    "1.2.840.10008.5.1.4.1.1.7.4";
/// VL Photographic Image Storage.
pub const VL_PHOTOGRAPHIC_IMAGE_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.77.1.4";
/// Basic Text SR Storage.
pub const BASIC_TEXT_SR_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.88.11";
/// Enhanced SR Storage.
pub const ENHANCED_SR_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.88.22";
/// Comprehensive SR Storage.
pub const COMPREHENSIVE_SR_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.88.33";
/// Key Object Selection Document Storage.
pub const KEY_OBJECT_SELECTION_DOCUMENT_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.88.59";
/// X-Ray Radiation Dose SR Storage.
pub const X_RAY_RADIATION_DOSE_SR_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.88.67";

/// Whether instances of this class travel by C-STORE: the composite storage classes of PS3.4 section B.5, the
/// non-patient ones of its annex GG, and every private class, of which nobody but its vendor knows better.
pub fn is_storage_class(sop_class_uid: &str) -> bool {
    const NON_PATIENT: [&str; 7] = ["34.7", "38.1", "39.1", "43.1", "44.1", "45.1", "200.1"];
    if let Some(rest) = sop_class_uid.strip_prefix("1.2.840.10008.5.1.4.") {
        return rest.starts_with("1.1.") || NON_PATIENT.contains(&rest);
    }
    !sop_class_uid.is_empty() && !is_standard(sop_class_uid)
}

/// Whether the identifier belongs to the standard's own root.
pub fn is_standard(uid: &str) -> bool {
    uid.starts_with("1.2.840.10008.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_is_told_from_query_and_service_classes() {
        for uid in [CT_IMAGE_STORAGE, ENCAPSULATED_PDF_STORAGE, "1.2.840.10008.5.1.4.38.1"] {
            assert!(is_storage_class(uid), "{uid}");
        }
        for uid in [VERIFICATION, MODALITY_WORKLIST_FIND, "1.2.840.10008.5.1.4.1.2.1.1", ""] {
            assert!(!is_storage_class(uid), "{uid}");
        }
    }

    #[test]
    fn a_private_class_counts_as_storage() {
        assert!(is_storage_class("1.3.12.2.1107.5.9.1"));
    }
}
