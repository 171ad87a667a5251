//! What an Instance Availability Notification says (PS3.4 annex R): these instances of a study can be had there.
//!
//! It is an N-CREATE whose object nobody keeps: [`ClientAssociation::n_service`](super::ClientAssociation::n_service)
//! sends it, an [`AvailabilityScp`](super::AvailabilityScp) takes it.

use telerad_core::AeTitle;
use telerad_dicom::dataset::{DataSet, DataSetError, DataSetLimits};
use telerad_dicom::{Status, Tag, tags, uids};
use telerad_dimse::StatusDetail;

use super::commitment::SopReference;
use super::n_scp::{NOperation, NReply, NRequest};

/// Instances of one study, and how they can be had (PS3.4 annex R).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AvailabilityNotification {
    /// Study Instance UID.
    pub study_instance_uid: String,
    /// The performed procedure steps that made the instances; may be empty.
    pub performed_steps: Vec<SopReference>,
    /// The instances, by series. What is not named may be available or not.
    pub series: Vec<SeriesAvailability>,
}

/// Instances of one series.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeriesAvailability {
    /// Series Instance UID.
    pub series_instance_uid: String,
    /// The instances.
    pub instances: Vec<InstanceAvailability>,
}

/// How one instance can be had.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InstanceAvailability {
    /// Which instance.
    pub instance: SopReference,
    /// How fast.
    pub availability: Availability,
    /// Who sends it when asked by C-MOVE or C-GET; at least one.
    pub retrieve_ae_titles: Vec<AeTitle>,
}

/// How fast an instance can be had (PS3.4 annex R).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Availability {
    /// `ONLINE`: at once.
    Online,
    /// `NEARLINE`: after it has been fetched from slower media.
    Nearline,
    /// `OFFLINE`: after somebody has fetched it by hand.
    Offline,
    /// `UNAVAILABLE`: not at all.
    Unavailable,
}

impl Availability {
    /// The value of (0008,0056).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "ONLINE",
            Self::Nearline => "NEARLINE",
            Self::Offline => "OFFLINE",
            Self::Unavailable => "UNAVAILABLE",
        }
    }

    fn read(text: &str) -> Option<Self> {
        let all = [Self::Online, Self::Nearline, Self::Offline, Self::Unavailable];
        all.into_iter().find(|availability| availability.as_str() == text.trim())
    }
}

impl AvailabilityNotification {
    /// The N-CREATE that says this, encoded for `transfer_syntax_uid`. An empty `sop_instance_uid` leaves the name of the
    /// notification to the one who is told.
    ///
    /// # Errors
    /// When the data set cannot be encoded.
    pub fn create(
        &self,
        sop_instance_uid: &str,
        transfer_syntax_uid: &str,
    ) -> Result<NRequest, DataSetError> {
        let mut attributes = DataSet::new();
        let steps = self.performed_steps.iter().map(SopReference::item).collect();
        attributes.set_items(tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE, steps);
        attributes.set_text(tags::STUDY_INSTANCE_UID, &self.study_instance_uid);
        let series = self.series.iter().map(SeriesAvailability::item).collect();
        attributes.set_items(tags::REFERENCED_SERIES_SEQUENCE, series);
        Ok(NRequest {
            sop_class_uid: uids::INSTANCE_AVAILABILITY_NOTIFICATION.to_owned(),
            sop_instance_uid: sop_instance_uid.to_owned(),
            operation: NOperation::Create,
            data_set: Some(attributes.encode(transfer_syntax_uid)?.into()),
            transfer_syntax_uid: transfer_syntax_uid.to_owned(),
        })
    }

    /// Reads an N-CREATE.
    ///
    /// # Errors
    /// The reply that the sender is to hear; it names the attribute that is missing or has no such value.
    pub fn read(request: &NRequest, limits: DataSetLimits) -> Result<Self, Box<NReply>> {
        if request.sop_class_uid != uids::INSTANCE_AVAILABILITY_NOTIFICATION {
            return Err(Status::SOP_CLASS_NOT_SUPPORTED.into());
        }
        if request.operation != NOperation::Create {
            return Err(Status::UNRECOGNIZED_OPERATION.into());
        }
        let attributes = request.attributes(limits)?;
        let steps = tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE;
        let steps = attributes.items_ref(steps).unwrap_or_default();
        Ok(Self {
            study_instance_uid: text(&attributes, tags::STUDY_INSTANCE_UID)?,
            performed_steps: steps.iter().map(reference).collect::<Result<_, _>>()?,
            series: items(&attributes, tags::REFERENCED_SERIES_SEQUENCE)?
                .iter()
                .map(SeriesAvailability::read)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl SeriesAvailability {
    fn item(&self) -> DataSet {
        let mut item = DataSet::new();
        item.set_text(tags::SERIES_INSTANCE_UID, &self.series_instance_uid);
        let instances = self.instances.iter().map(InstanceAvailability::item).collect();
        item.set_items(tags::REFERENCED_SOP_SEQUENCE, instances);
        item
    }

    fn read(item: &DataSet) -> Result<Self, Box<NReply>> {
        let instances = items(item, tags::REFERENCED_SOP_SEQUENCE)?;
        Ok(Self {
            series_instance_uid: text(item, tags::SERIES_INSTANCE_UID)?,
            instances: instances
                .iter()
                .map(InstanceAvailability::read)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl InstanceAvailability {
    fn item(&self) -> DataSet {
        let mut item = self.instance.item();
        let titles: Vec<&str> = self.retrieve_ae_titles.iter().map(AeTitle::as_str).collect();
        item.set_text(tags::RETRIEVE_AE_TITLE, &titles.join("\\"));
        item.set_text(tags::INSTANCE_AVAILABILITY, self.availability.as_str());
        item
    }

    fn read(item: &DataSet) -> Result<Self, Box<NReply>> {
        let availability = text(item, tags::INSTANCE_AVAILABILITY)?;
        let titles = text(item, tags::RETRIEVE_AE_TITLE)?;
        let titles: Result<_, _> = titles.split('\\').map(AeTitle::new).collect();
        Ok(Self {
            instance: reference(item)?,
            availability: Availability::read(&availability).ok_or_else(|| {
                refusal(Status::INVALID_ATTRIBUTE_VALUE, tags::INSTANCE_AVAILABILITY)
            })?,
            retrieve_ae_titles: titles
                .map_err(|_| refusal(Status::INVALID_ATTRIBUTE_VALUE, tags::RETRIEVE_AE_TITLE))?,
        })
    }
}

fn reference(item: &DataSet) -> Result<SopReference, Box<NReply>> {
    Ok(SopReference {
        sop_class_uid: text(item, tags::REFERENCED_SOP_CLASS_UID)?,
        sop_instance_uid: text(item, tags::REFERENCED_SOP_INSTANCE_UID)?,
    })
}

fn items(set: &DataSet, sequence: Tag) -> Result<&[DataSet], Box<NReply>> {
    let items = set.items_ref(sequence).filter(|items| !items.is_empty());
    items.ok_or_else(|| refusal(Status::MISSING_ATTRIBUTE, sequence))
}

fn text(set: &DataSet, tag: Tag) -> Result<String, Box<NReply>> {
    let text = set.text(tag).filter(|text| !text.trim().is_empty());
    text.ok_or_else(|| refusal(Status::MISSING_ATTRIBUTE, tag))
}

fn refusal(status: Status, attribute: Tag) -> Box<NReply> {
    let detail = StatusDetail { attributes: vec![attribute], ..StatusDetail::default() };
    Box::new(NReply { detail, ..status.into() })
}
