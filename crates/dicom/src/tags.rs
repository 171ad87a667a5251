//! The tags that telerad reads or writes, under the keywords of PS3.6 chapter 6 and PS3.7 annex E.

use crate::Tag;

/// `CommandGroupLength` (0000,0000).
pub const COMMAND_GROUP_LENGTH: Tag = Tag(0x0000, 0x0000);
/// `AffectedSOPClassUID` (0000,0002).
pub const AFFECTED_SOP_CLASS_UID: Tag = Tag(0x0000, 0x0002);
/// `RequestedSOPClassUID` (0000,0003).
pub const REQUESTED_SOP_CLASS_UID: Tag = Tag(0x0000, 0x0003);
/// `CommandField` (0000,0100).
pub const COMMAND_FIELD: Tag = Tag(0x0000, 0x0100);
/// `MessageID` (0000,0110).
pub const MESSAGE_ID: Tag = Tag(0x0000, 0x0110);
/// `MessageIDBeingRespondedTo` (0000,0120).
pub const MESSAGE_ID_BEING_RESPONDED_TO: Tag = Tag(0x0000, 0x0120);
/// `MoveDestination` (0000,0600).
pub const MOVE_DESTINATION: Tag = Tag(0x0000, 0x0600);
/// `Priority` (0000,0700).
pub const PRIORITY: Tag = Tag(0x0000, 0x0700);
/// `CommandDataSetType` (0000,0800).
pub const COMMAND_DATA_SET_TYPE: Tag = Tag(0x0000, 0x0800);
/// `Status` (0000,0900).
pub const STATUS: Tag = Tag(0x0000, 0x0900);
/// `OffendingElement` (0000,0901).
pub const OFFENDING_ELEMENT: Tag = Tag(0x0000, 0x0901);
/// `ErrorComment` (0000,0902).
pub const ERROR_COMMENT: Tag = Tag(0x0000, 0x0902);
/// `ErrorID` (0000,0903).
pub const ERROR_ID: Tag = Tag(0x0000, 0x0903);
/// `AffectedSOPInstanceUID` (0000,1000).
pub const AFFECTED_SOP_INSTANCE_UID: Tag = Tag(0x0000, 0x1000);
/// `RequestedSOPInstanceUID` (0000,1001).
pub const REQUESTED_SOP_INSTANCE_UID: Tag = Tag(0x0000, 0x1001);
/// `EventTypeID` (0000,1002).
pub const EVENT_TYPE_ID: Tag = Tag(0x0000, 0x1002);
/// `AttributeIdentifierList` (0000,1005).
pub const ATTRIBUTE_IDENTIFIER_LIST: Tag = Tag(0x0000, 0x1005);
/// `ActionTypeID` (0000,1008).
pub const ACTION_TYPE_ID: Tag = Tag(0x0000, 0x1008);
/// `NumberOfRemainingSuboperations` (0000,1020).
pub const NUMBER_OF_REMAINING_SUBOPERATIONS: Tag = Tag(0x0000, 0x1020);
/// `NumberOfCompletedSuboperations` (0000,1021).
pub const NUMBER_OF_COMPLETED_SUBOPERATIONS: Tag = Tag(0x0000, 0x1021);
/// `NumberOfFailedSuboperations` (0000,1022).
pub const NUMBER_OF_FAILED_SUBOPERATIONS: Tag = Tag(0x0000, 0x1022);
/// `NumberOfWarningSuboperations` (0000,1023).
pub const NUMBER_OF_WARNING_SUBOPERATIONS: Tag = Tag(0x0000, 0x1023);
/// `MoveOriginatorApplicationEntityTitle` (0000,1030).
pub const MOVE_ORIGINATOR_APPLICATION_ENTITY_TITLE: Tag = Tag(0x0000, 0x1030);
/// `MoveOriginatorMessageID` (0000,1031).
pub const MOVE_ORIGINATOR_MESSAGE_ID: Tag = Tag(0x0000, 0x1031);
/// `FileMetaInformationGroupLength` (0002,0000).
pub const FILE_META_INFORMATION_GROUP_LENGTH: Tag = Tag(0x0002, 0x0000);
/// `FileMetaInformationVersion` (0002,0001).
pub const FILE_META_INFORMATION_VERSION: Tag = Tag(0x0002, 0x0001);
/// `MediaStorageSOPClassUID` (0002,0002).
pub const MEDIA_STORAGE_SOP_CLASS_UID: Tag = Tag(0x0002, 0x0002);
/// `MediaStorageSOPInstanceUID` (0002,0003).
pub const MEDIA_STORAGE_SOP_INSTANCE_UID: Tag = Tag(0x0002, 0x0003);
/// `TransferSyntaxUID` (0002,0010).
pub const TRANSFER_SYNTAX_UID: Tag = Tag(0x0002, 0x0010);
/// `ImplementationClassUID` (0002,0012).
pub const IMPLEMENTATION_CLASS_UID: Tag = Tag(0x0002, 0x0012);
/// `ImplementationVersionName` (0002,0013).
pub const IMPLEMENTATION_VERSION_NAME: Tag = Tag(0x0002, 0x0013);
/// `SourceApplicationEntityTitle` (0002,0016).
pub const SOURCE_APPLICATION_ENTITY_TITLE: Tag = Tag(0x0002, 0x0016);
/// `SpecificCharacterSet` (0008,0005).
pub const SPECIFIC_CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
/// `ImageType` (0008,0008).
pub const IMAGE_TYPE: Tag = Tag(0x0008, 0x0008);
/// `InstanceCreationDate` (0008,0012).
pub const INSTANCE_CREATION_DATE: Tag = Tag(0x0008, 0x0012);
/// `InstanceCreationTime` (0008,0013).
pub const INSTANCE_CREATION_TIME: Tag = Tag(0x0008, 0x0013);
/// `SOPClassUID` (0008,0016).
pub const SOP_CLASS_UID: Tag = Tag(0x0008, 0x0016);
/// `SOPInstanceUID` (0008,0018).
pub const SOP_INSTANCE_UID: Tag = Tag(0x0008, 0x0018);
/// `StudyDate` (0008,0020).
pub const STUDY_DATE: Tag = Tag(0x0008, 0x0020);
/// `SeriesDate` (0008,0021).
pub const SERIES_DATE: Tag = Tag(0x0008, 0x0021);
/// `AcquisitionDate` (0008,0022).
pub const ACQUISITION_DATE: Tag = Tag(0x0008, 0x0022);
/// `ContentDate` (0008,0023).
pub const CONTENT_DATE: Tag = Tag(0x0008, 0x0023);
/// `StudyTime` (0008,0030).
pub const STUDY_TIME: Tag = Tag(0x0008, 0x0030);
/// `SeriesTime` (0008,0031).
pub const SERIES_TIME: Tag = Tag(0x0008, 0x0031);
/// `AcquisitionTime` (0008,0032).
pub const ACQUISITION_TIME: Tag = Tag(0x0008, 0x0032);
/// `ContentTime` (0008,0033).
pub const CONTENT_TIME: Tag = Tag(0x0008, 0x0033);
/// `AccessionNumber` (0008,0050).
pub const ACCESSION_NUMBER: Tag = Tag(0x0008, 0x0050);
/// `IssuerOfAccessionNumberSequence` (0008,0051).
pub const ISSUER_OF_ACCESSION_NUMBER_SEQUENCE: Tag = Tag(0x0008, 0x0051);
/// `QueryRetrieveLevel` (0008,0052).
pub const QUERY_RETRIEVE_LEVEL: Tag = Tag(0x0008, 0x0052);
/// `RetrieveAETitle` (0008,0054).
pub const RETRIEVE_AE_TITLE: Tag = Tag(0x0008, 0x0054);
/// `InstanceAvailability` (0008,0056).
pub const INSTANCE_AVAILABILITY: Tag = Tag(0x0008, 0x0056);
/// `FailedSOPInstanceUIDList` (0008,0058).
pub const FAILED_SOP_INSTANCE_UID_LIST: Tag = Tag(0x0008, 0x0058);
/// `Modality` (0008,0060).
pub const MODALITY: Tag = Tag(0x0008, 0x0060);
/// `ModalitiesInStudy` (0008,0061).
pub const MODALITIES_IN_STUDY: Tag = Tag(0x0008, 0x0061);
/// `ConversionType` (0008,0064).
pub const CONVERSION_TYPE: Tag = Tag(0x0008, 0x0064);
/// `Manufacturer` (0008,0070).
pub const MANUFACTURER: Tag = Tag(0x0008, 0x0070);
/// `InstitutionName` (0008,0080).
pub const INSTITUTION_NAME: Tag = Tag(0x0008, 0x0080);
/// `InstitutionAddress` (0008,0081).
pub const INSTITUTION_ADDRESS: Tag = Tag(0x0008, 0x0081);
/// `ReferringPhysicianName` (0008,0090).
pub const REFERRING_PHYSICIAN_NAME: Tag = Tag(0x0008, 0x0090);
/// `CodeValue` (0008,0100).
pub const CODE_VALUE: Tag = Tag(0x0008, 0x0100);
/// `CodingSchemeDesignator` (0008,0102).
pub const CODING_SCHEME_DESIGNATOR: Tag = Tag(0x0008, 0x0102);
/// `CodingSchemeVersion` (0008,0103).
pub const CODING_SCHEME_VERSION: Tag = Tag(0x0008, 0x0103);
/// `CodeMeaning` (0008,0104).
pub const CODE_MEANING: Tag = Tag(0x0008, 0x0104);
/// `TimezoneOffsetFromUTC` (0008,0201).
pub const TIMEZONE_OFFSET_FROM_UTC: Tag = Tag(0x0008, 0x0201);
/// `StationName` (0008,1010).
pub const STATION_NAME: Tag = Tag(0x0008, 0x1010);
/// `StudyDescription` (0008,1030).
pub const STUDY_DESCRIPTION: Tag = Tag(0x0008, 0x1030);
/// `ProcedureCodeSequence` (0008,1032).
pub const PROCEDURE_CODE_SEQUENCE: Tag = Tag(0x0008, 0x1032);
/// `SeriesDescription` (0008,103E).
pub const SERIES_DESCRIPTION: Tag = Tag(0x0008, 0x103E);
/// `InstitutionalDepartmentName` (0008,1040).
pub const INSTITUTIONAL_DEPARTMENT_NAME: Tag = Tag(0x0008, 0x1040);
/// `PhysiciansOfRecord` (0008,1048).
pub const PHYSICIANS_OF_RECORD: Tag = Tag(0x0008, 0x1048);
/// `PerformingPhysicianName` (0008,1050).
pub const PERFORMING_PHYSICIAN_NAME: Tag = Tag(0x0008, 0x1050);
/// `NameOfPhysiciansReadingStudy` (0008,1060).
pub const NAME_OF_PHYSICIANS_READING_STUDY: Tag = Tag(0x0008, 0x1060);
/// `OperatorsName` (0008,1070).
pub const OPERATORS_NAME: Tag = Tag(0x0008, 0x1070);
/// `AdmittingDiagnosesDescription` (0008,1080).
pub const ADMITTING_DIAGNOSES_DESCRIPTION: Tag = Tag(0x0008, 0x1080);
/// `AdmittingDiagnosesCodeSequence` (0008,1084).
pub const ADMITTING_DIAGNOSES_CODE_SEQUENCE: Tag = Tag(0x0008, 0x1084);
/// `ManufacturerModelName` (0008,1090).
pub const MANUFACTURER_MODEL_NAME: Tag = Tag(0x0008, 0x1090);
/// `ReferencedStudySequence` (0008,1110).
pub const REFERENCED_STUDY_SEQUENCE: Tag = Tag(0x0008, 0x1110);
/// `ReferencedPerformedProcedureStepSequence` (0008,1111).
pub const REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE: Tag = Tag(0x0008, 0x1111);
/// `ReferencedSeriesSequence` (0008,1115).
pub const REFERENCED_SERIES_SEQUENCE: Tag = Tag(0x0008, 0x1115);
/// `ReferencedPatientSequence` (0008,1120).
pub const REFERENCED_PATIENT_SEQUENCE: Tag = Tag(0x0008, 0x1120);
/// `ReferencedImageSequence` (0008,1140).
pub const REFERENCED_IMAGE_SEQUENCE: Tag = Tag(0x0008, 0x1140);
/// `ReferencedSOPClassUID` (0008,1150).
pub const REFERENCED_SOP_CLASS_UID: Tag = Tag(0x0008, 0x1150);
/// `ReferencedSOPInstanceUID` (0008,1155).
pub const REFERENCED_SOP_INSTANCE_UID: Tag = Tag(0x0008, 0x1155);
/// `TransactionUID` (0008,1195).
pub const TRANSACTION_UID: Tag = Tag(0x0008, 0x1195);
/// `FailureReason` (0008,1197).
pub const FAILURE_REASON: Tag = Tag(0x0008, 0x1197);
/// `FailedSOPSequence` (0008,1198).
pub const FAILED_SOP_SEQUENCE: Tag = Tag(0x0008, 0x1198);
/// `ReferencedSOPSequence` (0008,1199).
pub const REFERENCED_SOP_SEQUENCE: Tag = Tag(0x0008, 0x1199);
/// `PatientName` (0010,0010).
pub const PATIENT_NAME: Tag = Tag(0x0010, 0x0010);
/// `PatientID` (0010,0020).
pub const PATIENT_ID: Tag = Tag(0x0010, 0x0020);
/// `IssuerOfPatientID` (0010,0021).
pub const ISSUER_OF_PATIENT_ID: Tag = Tag(0x0010, 0x0021);
/// `IssuerOfPatientIDQualifiersSequence` (0010,0024).
pub const ISSUER_OF_PATIENT_ID_QUALIFIERS_SEQUENCE: Tag = Tag(0x0010, 0x0024);
/// `PatientBirthDate` (0010,0030).
pub const PATIENT_BIRTH_DATE: Tag = Tag(0x0010, 0x0030);
/// `PatientBirthTime` (0010,0032).
pub const PATIENT_BIRTH_TIME: Tag = Tag(0x0010, 0x0032);
/// `PatientSex` (0010,0040).
pub const PATIENT_SEX: Tag = Tag(0x0010, 0x0040);
/// `OtherPatientIDs` (0010,1000).
pub const OTHER_PATIENT_I_DS: Tag = Tag(0x0010, 0x1000);
/// `OtherPatientIDsSequence` (0010,1002).
pub const OTHER_PATIENT_I_DS_SEQUENCE: Tag = Tag(0x0010, 0x1002);
/// `PatientAge` (0010,1010).
pub const PATIENT_AGE: Tag = Tag(0x0010, 0x1010);
/// `PatientSize` (0010,1020).
pub const PATIENT_SIZE: Tag = Tag(0x0010, 0x1020);
/// `PatientWeight` (0010,1030).
pub const PATIENT_WEIGHT: Tag = Tag(0x0010, 0x1030);
/// `PatientAddress` (0010,1040).
pub const PATIENT_ADDRESS: Tag = Tag(0x0010, 0x1040);
/// `PatientMotherBirthName` (0010,1060).
pub const PATIENT_MOTHER_BIRTH_NAME: Tag = Tag(0x0010, 0x1060);
/// `MedicalAlerts` (0010,2000).
pub const MEDICAL_ALERTS: Tag = Tag(0x0010, 0x2000);
/// `Allergies` (0010,2110).
pub const ALLERGIES: Tag = Tag(0x0010, 0x2110);
/// `PatientTelephoneNumbers` (0010,2154).
pub const PATIENT_TELEPHONE_NUMBERS: Tag = Tag(0x0010, 0x2154);
/// `EthnicGroup` (0010,2160).
pub const ETHNIC_GROUP: Tag = Tag(0x0010, 0x2160);
/// `Occupation` (0010,2180).
pub const OCCUPATION: Tag = Tag(0x0010, 0x2180);
/// `AdditionalPatientHistory` (0010,21B0).
pub const ADDITIONAL_PATIENT_HISTORY: Tag = Tag(0x0010, 0x21B0);
/// `PregnancyStatus` (0010,21C0).
pub const PREGNANCY_STATUS: Tag = Tag(0x0010, 0x21C0);
/// `PatientComments` (0010,4000).
pub const PATIENT_COMMENTS: Tag = Tag(0x0010, 0x4000);
/// `BodyPartExamined` (0018,0015).
pub const BODY_PART_EXAMINED: Tag = Tag(0x0018, 0x0015);
/// `ProtocolName` (0018,1030).
pub const PROTOCOL_NAME: Tag = Tag(0x0018, 0x1030);
/// `PatientPosition` (0018,5100).
pub const PATIENT_POSITION: Tag = Tag(0x0018, 0x5100);
/// `StudyInstanceUID` (0020,000D).
pub const STUDY_INSTANCE_UID: Tag = Tag(0x0020, 0x000D);
/// `SeriesInstanceUID` (0020,000E).
pub const SERIES_INSTANCE_UID: Tag = Tag(0x0020, 0x000E);
/// `StudyID` (0020,0010).
pub const STUDY_ID: Tag = Tag(0x0020, 0x0010);
/// `SeriesNumber` (0020,0011).
pub const SERIES_NUMBER: Tag = Tag(0x0020, 0x0011);
/// `AcquisitionNumber` (0020,0012).
pub const ACQUISITION_NUMBER: Tag = Tag(0x0020, 0x0012);
/// `InstanceNumber` (0020,0013).
pub const INSTANCE_NUMBER: Tag = Tag(0x0020, 0x0013);
/// `ImagePositionPatient` (0020,0032).
pub const IMAGE_POSITION_PATIENT: Tag = Tag(0x0020, 0x0032);
/// `ImageOrientationPatient` (0020,0037).
pub const IMAGE_ORIENTATION_PATIENT: Tag = Tag(0x0020, 0x0037);
/// `FrameOfReferenceUID` (0020,0052).
pub const FRAME_OF_REFERENCE_UID: Tag = Tag(0x0020, 0x0052);
/// `ImageComments` (0020,4000).
pub const IMAGE_COMMENTS: Tag = Tag(0x0020, 0x4000);
/// `SamplesPerPixel` (0028,0002).
pub const SAMPLES_PER_PIXEL: Tag = Tag(0x0028, 0x0002);
/// `PhotometricInterpretation` (0028,0004).
pub const PHOTOMETRIC_INTERPRETATION: Tag = Tag(0x0028, 0x0004);
/// `NumberOfFrames` (0028,0008).
pub const NUMBER_OF_FRAMES: Tag = Tag(0x0028, 0x0008);
/// `Rows` (0028,0010).
pub const ROWS: Tag = Tag(0x0028, 0x0010);
/// `Columns` (0028,0011).
pub const COLUMNS: Tag = Tag(0x0028, 0x0011);
/// `BitsAllocated` (0028,0100).
pub const BITS_ALLOCATED: Tag = Tag(0x0028, 0x0100);
/// `BitsStored` (0028,0101).
pub const BITS_STORED: Tag = Tag(0x0028, 0x0101);
/// `HighBit` (0028,0102).
pub const HIGH_BIT: Tag = Tag(0x0028, 0x0102);
/// `PixelRepresentation` (0028,0103).
pub const PIXEL_REPRESENTATION: Tag = Tag(0x0028, 0x0103);
/// `RequestingPhysician` (0032,1032).
pub const REQUESTING_PHYSICIAN: Tag = Tag(0x0032, 0x1032);
/// `RequestingService` (0032,1033).
pub const REQUESTING_SERVICE: Tag = Tag(0x0032, 0x1033);
/// `RequestedProcedureDescription` (0032,1060).
pub const REQUESTED_PROCEDURE_DESCRIPTION: Tag = Tag(0x0032, 0x1060);
/// `RequestedProcedureCodeSequence` (0032,1064).
pub const REQUESTED_PROCEDURE_CODE_SEQUENCE: Tag = Tag(0x0032, 0x1064);
/// `RequestedContrastAgent` (0032,1070).
pub const REQUESTED_CONTRAST_AGENT: Tag = Tag(0x0032, 0x1070);
/// `AdmissionID` (0038,0010).
pub const ADMISSION_ID: Tag = Tag(0x0038, 0x0010);
/// `IssuerOfAdmissionIDSequence` (0038,0014).
pub const ISSUER_OF_ADMISSION_ID_SEQUENCE: Tag = Tag(0x0038, 0x0014);
/// `SpecialNeeds` (0038,0050).
pub const SPECIAL_NEEDS: Tag = Tag(0x0038, 0x0050);
/// `CurrentPatientLocation` (0038,0300).
pub const CURRENT_PATIENT_LOCATION: Tag = Tag(0x0038, 0x0300);
/// `PatientState` (0038,0500).
pub const PATIENT_STATE: Tag = Tag(0x0038, 0x0500);
/// `ScheduledStationAETitle` (0040,0001).
pub const SCHEDULED_STATION_AE_TITLE: Tag = Tag(0x0040, 0x0001);
/// `ScheduledProcedureStepStartDate` (0040,0002).
pub const SCHEDULED_PROCEDURE_STEP_START_DATE: Tag = Tag(0x0040, 0x0002);
/// `ScheduledProcedureStepStartTime` (0040,0003).
pub const SCHEDULED_PROCEDURE_STEP_START_TIME: Tag = Tag(0x0040, 0x0003);
/// `ScheduledProcedureStepEndDate` (0040,0004).
pub const SCHEDULED_PROCEDURE_STEP_END_DATE: Tag = Tag(0x0040, 0x0004);
/// `ScheduledProcedureStepEndTime` (0040,0005).
pub const SCHEDULED_PROCEDURE_STEP_END_TIME: Tag = Tag(0x0040, 0x0005);
/// `ScheduledPerformingPhysicianName` (0040,0006).
pub const SCHEDULED_PERFORMING_PHYSICIAN_NAME: Tag = Tag(0x0040, 0x0006);
/// `ScheduledProcedureStepDescription` (0040,0007).
pub const SCHEDULED_PROCEDURE_STEP_DESCRIPTION: Tag = Tag(0x0040, 0x0007);
/// `ScheduledProtocolCodeSequence` (0040,0008).
pub const SCHEDULED_PROTOCOL_CODE_SEQUENCE: Tag = Tag(0x0040, 0x0008);
/// `ScheduledProcedureStepID` (0040,0009).
pub const SCHEDULED_PROCEDURE_STEP_ID: Tag = Tag(0x0040, 0x0009);
/// `ScheduledStationName` (0040,0010).
pub const SCHEDULED_STATION_NAME: Tag = Tag(0x0040, 0x0010);
/// `ScheduledProcedureStepLocation` (0040,0011).
pub const SCHEDULED_PROCEDURE_STEP_LOCATION: Tag = Tag(0x0040, 0x0011);
/// `PreMedication` (0040,0012).
pub const PRE_MEDICATION: Tag = Tag(0x0040, 0x0012);
/// `ScheduledProcedureStepStatus` (0040,0020).
pub const SCHEDULED_PROCEDURE_STEP_STATUS: Tag = Tag(0x0040, 0x0020);
/// `OrderPlacerIdentifierSequence` (0040,0026).
pub const ORDER_PLACER_IDENTIFIER_SEQUENCE: Tag = Tag(0x0040, 0x0026);
/// `OrderFillerIdentifierSequence` (0040,0027).
pub const ORDER_FILLER_IDENTIFIER_SEQUENCE: Tag = Tag(0x0040, 0x0027);
/// `LocalNamespaceEntityID` (0040,0031).
pub const LOCAL_NAMESPACE_ENTITY_ID: Tag = Tag(0x0040, 0x0031);
/// `UniversalEntityID` (0040,0032).
pub const UNIVERSAL_ENTITY_ID: Tag = Tag(0x0040, 0x0032);
/// `UniversalEntityIDType` (0040,0033).
pub const UNIVERSAL_ENTITY_ID_TYPE: Tag = Tag(0x0040, 0x0033);
/// `IdentifierTypeCode` (0040,0035).
pub const IDENTIFIER_TYPE_CODE: Tag = Tag(0x0040, 0x0035);
/// `AssigningFacilitySequence` (0040,0036).
pub const ASSIGNING_FACILITY_SEQUENCE: Tag = Tag(0x0040, 0x0036);
/// `ScheduledProcedureStepSequence` (0040,0100).
pub const SCHEDULED_PROCEDURE_STEP_SEQUENCE: Tag = Tag(0x0040, 0x0100);
/// `PerformedStationAETitle` (0040,0241).
pub const PERFORMED_STATION_AE_TITLE: Tag = Tag(0x0040, 0x0241);
/// `PerformedProcedureStepStartDate` (0040,0244).
pub const PERFORMED_PROCEDURE_STEP_START_DATE: Tag = Tag(0x0040, 0x0244);
/// `PerformedProcedureStepStartTime` (0040,0245).
pub const PERFORMED_PROCEDURE_STEP_START_TIME: Tag = Tag(0x0040, 0x0245);
/// `PerformedProcedureStepStatus` (0040,0252).
pub const PERFORMED_PROCEDURE_STEP_STATUS: Tag = Tag(0x0040, 0x0252);
/// `PerformedProcedureStepID` (0040,0253).
pub const PERFORMED_PROCEDURE_STEP_ID: Tag = Tag(0x0040, 0x0253);
/// `PerformedProcedureStepDescription` (0040,0254).
pub const PERFORMED_PROCEDURE_STEP_DESCRIPTION: Tag = Tag(0x0040, 0x0254);
/// `ScheduledStepAttributesSequence` (0040,0270).
pub const SCHEDULED_STEP_ATTRIBUTES_SEQUENCE: Tag = Tag(0x0040, 0x0270);
/// `RequestAttributesSequence` (0040,0275).
pub const REQUEST_ATTRIBUTES_SEQUENCE: Tag = Tag(0x0040, 0x0275);
/// `RequestedProcedureID` (0040,1001).
pub const REQUESTED_PROCEDURE_ID: Tag = Tag(0x0040, 0x1001);
/// `ReasonForTheRequestedProcedure` (0040,1002).
pub const REASON_FOR_THE_REQUESTED_PROCEDURE: Tag = Tag(0x0040, 0x1002);
/// `RequestedProcedurePriority` (0040,1003).
pub const REQUESTED_PROCEDURE_PRIORITY: Tag = Tag(0x0040, 0x1003);
/// `PatientTransportArrangements` (0040,1004).
pub const PATIENT_TRANSPORT_ARRANGEMENTS: Tag = Tag(0x0040, 0x1004);
/// `RequestedProcedureLocation` (0040,1005).
pub const REQUESTED_PROCEDURE_LOCATION: Tag = Tag(0x0040, 0x1005);
/// `ConfidentialityCode` (0040,1008).
pub const CONFIDENTIALITY_CODE: Tag = Tag(0x0040, 0x1008);
/// `RequestedProcedureComments` (0040,1400).
pub const REQUESTED_PROCEDURE_COMMENTS: Tag = Tag(0x0040, 0x1400);
/// `PlacerOrderNumberImagingServiceRequest` (0040,2016).
pub const PLACER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST: Tag = Tag(0x0040, 0x2016);
/// `FillerOrderNumberImagingServiceRequest` (0040,2017).
pub const FILLER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST: Tag = Tag(0x0040, 0x2017);
/// `ImagingServiceRequestComments` (0040,2400).
pub const IMAGING_SERVICE_REQUEST_COMMENTS: Tag = Tag(0x0040, 0x2400);
/// `ConfidentialityConstraintOnPatientDataDescription` (0040,3001).
pub const CONFIDENTIALITY_CONSTRAINT_ON_PATIENT_DATA_DESCRIPTION: Tag = Tag(0x0040, 0x3001);
/// `VerificationDateTime` (0040,A030).
pub const VERIFICATION_DATE_TIME: Tag = Tag(0x0040, 0xA030);
/// `ObservationDateTime` (0040,A032).
pub const OBSERVATION_DATE_TIME: Tag = Tag(0x0040, 0xA032);
/// `ValueType` (0040,A040).
pub const VALUE_TYPE: Tag = Tag(0x0040, 0xA040);
/// `ConceptNameCodeSequence` (0040,A043).
pub const CONCEPT_NAME_CODE_SEQUENCE: Tag = Tag(0x0040, 0xA043);
/// `ContinuityOfContent` (0040,A050).
pub const CONTINUITY_OF_CONTENT: Tag = Tag(0x0040, 0xA050);
/// `VerifyingObserverSequence` (0040,A073).
pub const VERIFYING_OBSERVER_SEQUENCE: Tag = Tag(0x0040, 0xA073);
/// `UID` (0040,A124).
pub const UID: Tag = Tag(0x0040, 0xA124);
/// `TextValue` (0040,A160).
pub const TEXT_VALUE: Tag = Tag(0x0040, 0xA160);
/// `CompletionFlag` (0040,A491).
pub const COMPLETION_FLAG: Tag = Tag(0x0040, 0xA491);
/// `VerificationFlag` (0040,A493).
pub const VERIFICATION_FLAG: Tag = Tag(0x0040, 0xA493);
/// `ContentSequence` (0040,A730).
pub const CONTENT_SEQUENCE: Tag = Tag(0x0040, 0xA730);
/// `DocumentTitle` (0042,0010).
pub const DOCUMENT_TITLE: Tag = Tag(0x0042, 0x0010);
/// `EncapsulatedDocument` (0042,0011).
pub const ENCAPSULATED_DOCUMENT: Tag = Tag(0x0042, 0x0011);
/// `MIMETypeOfEncapsulatedDocument` (0042,0012).
pub const MIME_TYPE_OF_ENCAPSULATED_DOCUMENT: Tag = Tag(0x0042, 0x0012);
/// `PixelData` (7FE0,0010).
pub const PIXEL_DATA: Tag = Tag(0x7FE0, 0x0010);
/// Item (FFFE,E000).
pub const ITEM: Tag = Tag(0xFFFE, 0xE000);
/// Item Delimitation Item (FFFE,E00D).
pub const ITEM_DELIMITATION_ITEM: Tag = Tag(0xFFFE, 0xE00D);
/// Sequence Delimitation Item (FFFE,E0DD).
pub const SEQUENCE_DELIMITATION_ITEM: Tag = Tag(0xFFFE, 0xE0DD);
