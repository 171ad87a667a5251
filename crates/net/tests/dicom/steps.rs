//! The typed N-services of a server: performed procedure steps and their relay, storage commitment, availability.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use telerad_dicom::dataset::DataSetLimits;
use telerad_dicom::{DataSet, Status, tags, uids};
use telerad_dimse::{Roles, SyntaxOffer};
use telerad_net::dicom::{
    AssociationContext, AssociationFault, Availability, AvailabilityNotification, AvailabilityScp,
    ClientAssociation, CommitmentRequest, CommitmentResult, CommitmentScp, CommitmentScu,
    InstanceAvailability, MppsScp, NOperation, NReply, NRequest, NServiceRelay, PerformedStep,
    Pool, PoolConfig, SeriesAvailability, Server, ServerBuilder, SopReference, StepMessage,
    StepStatus,
};
use telerad_net::{AnyConnector, Connector, TokioSpawn};
use tokio::io::DuplexStream;

use crate::peers::{peer, title};
use crate::server::{EXPLICIT, IMPLICIT, associate, builder};

const STEP: &str = uids::MODALITY_PERFORMED_PROCEDURE_STEP;

/// Keeps steps in memory, and lets whoever else is ready run in between.
#[derive(Clone, Default)]
struct Ris {
    steps: Arc<Mutex<BTreeMap<String, StepStatus>>>,
    heard: Arc<Mutex<Vec<NRequest>>>,
    unable: bool,
}

impl Ris {
    async fn keep(&self, step: PerformedStep) -> NReply {
        tokio::task::yield_now().await;
        self.heard.lock().unwrap().push(step.request);
        self.steps.lock().unwrap().insert(step.sop_instance_uid, step.status);
        Status::SUCCESS.into()
    }
}

impl MppsScp for Ris {
    async fn status_of(
        &self,
        _: AssociationContext,
        sop_instance_uid: &str,
    ) -> Result<Option<StepStatus>, Status> {
        tokio::task::yield_now().await;
        if self.unable {
            return Err(Status::PROCESSING_FAILURE);
        }
        Ok(self.steps.lock().unwrap().get(sop_instance_uid).copied())
    }

    async fn create(&self, _: AssociationContext, step: PerformedStep) -> NReply {
        assert!(step.attributes.contains(tags::PERFORMED_PROCEDURE_STEP_STATUS));
        self.keep(step).await
    }

    async fn set(&self, _: AssociationContext, step: PerformedStep) -> NReply {
        self.keep(step).await
    }
}

fn step(kind: &str, uid: &str, status: &str) -> NRequest {
    let mut attributes = DataSet::new();
    attributes.set_text(tags::PERFORMED_PROCEDURE_STEP_ID, "PPS 1");
    attributes.set_text(tags::PERFORMED_PROCEDURE_STEP_STATUS, status);
    let sop_instance_uid = uid.to_owned();
    let message = match kind {
        "create" => StepMessage::Create { sop_instance_uid, attributes },
        _ => StepMessage::Set { sop_instance_uid, attributes },
    };
    message.request(EXPLICIT).unwrap()
}

async fn modality(server: Server) -> ClientAssociation {
    associate(server, &peer("ris:104"), &[(STEP, &[EXPLICIT])]).await
}

/// The life of two steps, with everything that a modality can do wrong.
const LIFE: [(&str, &str, &str, u16); 10] = [
    ("set", "1.2.1", "COMPLETED", 0x0112),
    ("create", "1.2.1", "COMPLETED", 0x0106),
    ("create", "", "IN PROGRESS", 0x0117),
    ("create", "1.2.1", "IN PROGRESS", 0x0000),
    ("create", "1.2.1", "IN PROGRESS", 0x0111),
    ("set", "1.2.1", "IN PROGRESS", 0x0000),
    ("create", "1.2.2", "IN PROGRESS", 0x0000),
    ("set", "1.2.1", "COMPLETED", 0x0000),
    ("set", "1.2.1", "COMPLETED", 0x0110),
    ("set", "1.2.2", "DISCONTINUED", 0x0000),
];

async fn live(association: &mut ClientAssociation) -> Vec<NReply> {
    let mut replies = Vec::new();
    for (kind, uid, status, _) in LIFE {
        replies.push(association.n_service(&step(kind, uid, status)).await.unwrap());
    }
    replies
}

/// What [`live`] has to hear, whoever answers.
#[track_caller]
fn check_life(replies: &[NReply], ris: &Ris) {
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status.code()).collect();
    assert_eq!(statuses, LIFE.map(|(_, _, _, status)| status));
    let words = "Performed Procedure Step Object may no longer be updated";
    assert_eq!(replies[8].detail.error_id, Some(0xA710));
    assert_eq!(replies[8].detail.comment.as_deref(), Some(words));
    let named = LIFE.map(|(_, uid, _, _)| (!uid.is_empty()).then(|| uid.to_owned()));
    let uids: Vec<_> = replies.iter().map(|reply| reply.sop_instance_uid.clone()).collect();
    assert_eq!(uids, named);
    let done = [("1.2.1", StepStatus::Completed), ("1.2.2", StepStatus::Discontinued)];
    let steps = ris.steps.lock().unwrap();
    assert_eq!(*steps, done.map(|(uid, status)| (uid.to_owned(), status)).into());
    assert_eq!(ris.heard.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn only_what_may_come_now_reaches_the_one_who_keeps_steps() {
    let ris = Ris::default();
    let mut association = modality(builder().mpps(ris.clone()).build()).await;
    check_life(&live(&mut association).await, &ris);
    let delete =
        NRequest { operation: NOperation::Delete, data_set: None, ..step("set", "1.2", "") };
    let reply = association.n_service(&delete).await.unwrap();
    assert_eq!(reply.status, Status::UNRECOGNIZED_OPERATION);
}

#[tokio::test]
async fn a_step_that_cannot_be_looked_up_is_not_changed() {
    let ris = Ris { unable: true, ..Ris::default() };
    let mut association = modality(builder().mpps(ris.clone()).build()).await;
    let reply = association.n_service(&step("create", "1.2.1", "IN PROGRESS")).await.unwrap();
    assert_eq!(reply.status, Status::PROCESSING_FAILURE);
    assert!(ris.heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn two_modalities_cannot_begin_the_same_step() {
    let ris = Ris::default();
    let server = Arc::new(builder().mpps(ris.clone()).build());
    let begin = || async {
        let (near, far) = tokio::io::duplex(65_536);
        let server = Arc::clone(&server);
        tokio::task::spawn(async move {
            let (_handle, stop) = telerad_net::shutdown();
            server.serve_stream(far, "192.0.2.1:1", stop).await;
        });
        let contexts = telerad_dimse::plan_contexts(&[(STEP, EXPLICIT)]).remove(0);
        let clock = telerad_net::SystemClock::shared();
        let peer = peer("ris:104");
        let mut association = ClientAssociation::open(near, clock, &peer, contexts).await.unwrap();
        association.n_service(&step("create", "1.2.1", "IN PROGRESS")).await.unwrap().status
    };
    let (one, two, three) = tokio::join!(begin(), begin(), begin());
    let mut statuses = [one, two, three].map(Status::code);
    statuses.sort_unstable();
    assert_eq!(statuses, [0x0000, 0x0111, 0x0111]);
    assert_eq!(ris.heard.lock().unwrap().len(), 1);
}

/// Connects to a server that is built anew for each association, from the same services.
#[derive(Clone)]
struct Behind(fn() -> ServerBuilder, Ris);

impl Connector for Behind {
    type Stream = DuplexStream;

    async fn connect(&self, _: &str) -> io::Result<DuplexStream> {
        let (near, far) = tokio::io::duplex(65_536);
        let server = Arc::new((self.0)().mpps(self.1.clone()).build());
        tokio::task::spawn(async move {
            let (_handle, stop) = telerad_net::shutdown();
            server.serve_stream(far, "192.0.2.2:1", stop).await;
        });
        Ok(near)
    }
}

/// Refuses every connection.
struct Down;

impl Connector for Down {
    type Stream = DuplexStream;

    async fn connect(&self, _: &str) -> io::Result<DuplexStream> {
        Err(io::ErrorKind::ConnectionRefused.into())
    }
}

fn pool(connector: impl Connector) -> Pool<AnyConnector> {
    Pool::new(AnyConnector::new(connector), PoolConfig::default(), Arc::new(TokioSpawn))
}

/// Counts the connections, of which none answers.
#[derive(Clone, Default)]
struct Mute(Arc<Mutex<Vec<DuplexStream>>>);

impl Connector for Mute {
    type Stream = DuplexStream;

    async fn connect(&self, _: &str) -> io::Result<DuplexStream> {
        let (near, far) = tokio::io::duplex(65_536);
        self.0.lock().unwrap().push(far);
        Ok(near)
    }
}

#[tokio::test(start_paused = true)]
async fn a_relay_has_one_deadline_for_all_of_it() {
    let mute = Mute::default();
    let relay = NServiceRelay::new(peer("ris:104"), pool(mute.clone()));
    let relay = relay.within(std::time::Duration::from_secs(7));
    let mut association = modality(builder().n_service(&[STEP], relay).build()).await;
    let start = tokio::time::Instant::now();
    let reply = association.n_service(&step("create", "1.2.1", "IN PROGRESS")).await.unwrap();
    assert_eq!((reply.status, start.elapsed().as_secs()), (Status::PROCESSING_FAILURE, 7));
    assert_eq!(mute.0.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_relay_keeps_its_association() {
    let ris = Ris::default();
    let pool = pool(Behind(builder, ris.clone()));
    let relay = NServiceRelay::new(peer("ris:104"), pool.clone());
    let mut association = modality(builder().n_service(&[STEP], relay).build()).await;
    check_life(&live(&mut association).await, &ris);
    assert_eq!((pool.counts().idle, pool.counts().in_use), (1, 0));
    assert_eq!(pool.close().await, 0);
}

#[tokio::test]
async fn a_relayed_step_hears_what_the_system_behind_answers() {
    let ris = Ris::default();
    let relay = NServiceRelay::new(peer("ris:104"), pool(Behind(builder, ris.clone())));
    let mut association = modality(builder().n_service(&[STEP], relay).build()).await;
    check_life(&live(&mut association).await, &ris);
    // The request itself is the same, down to its bytes.
    assert_eq!(ris.heard.lock().unwrap()[0], step("create", "1.2.1", "IN PROGRESS"));
}

#[tokio::test]
async fn a_relay_speaks_the_encoding_of_the_system_behind() {
    let ris = Ris::default();
    let implicit = || builder().syntaxes(STEP, SyntaxOffer::OurOrder(vec![IMPLICIT.to_owned()]));
    let relay = NServiceRelay::new(peer("ris:104"), pool(Behind(implicit, ris.clone())));
    let mut association = modality(builder().n_service(&[STEP], relay).build()).await;
    check_life(&live(&mut association).await, &ris);
    let heard = ris.heard.lock().unwrap()[0].clone();
    assert_eq!(heard.transfer_syntax_uid, IMPLICIT);
    let limits = DataSetLimits::default();
    let sent = step("create", "1.2.1", "IN PROGRESS").attributes(limits).unwrap();
    assert_eq!(heard.attributes(limits).unwrap(), sent);
}

#[tokio::test]
async fn a_relay_without_a_link_says_so_in_its_own_name() {
    let relay = NServiceRelay::new(peer("ris:104"), pool(Down));
    let mut association = modality(builder().n_service(&[STEP], relay).build()).await;
    for _ in 0..2 {
        let reply = association.n_service(&step("create", "1.2.1", "IN PROGRESS")).await.unwrap();
        assert_eq!(reply.status, Status::PROCESSING_FAILURE);
        assert_eq!(reply.sop_instance_uid.as_deref(), Some("1.2.1"));
        let words = "the system behind this relay did not answer";
        assert_eq!(reply.detail.comment.as_deref(), Some(words));
    }
}

/// Both sides of storage commitment, and takes notice of what is available.
#[derive(Clone, Default)]
struct Vault {
    asked: Arc<Mutex<Vec<CommitmentRequest>>>,
    told: Arc<Mutex<Vec<CommitmentResult>>>,
    noticed: Arc<Mutex<Vec<(String, AvailabilityNotification)>>>,
}

impl CommitmentScp for Vault {
    async fn commit(&self, _: AssociationContext, request: CommitmentRequest) -> Status {
        self.asked.lock().unwrap().push(request);
        Status::SUCCESS
    }
}

impl CommitmentScu for Vault {
    async fn result(&self, _: AssociationContext, result: CommitmentResult) -> Status {
        self.told.lock().unwrap().push(result);
        Status::SUCCESS
    }
}

impl AvailabilityScp for Vault {
    async fn notify(
        &self,
        _: AssociationContext,
        sop_instance_uid: &str,
        notification: AvailabilityNotification,
    ) -> NReply {
        self.noticed.lock().unwrap().push((sop_instance_uid.to_owned(), notification));
        let chosen = sop_instance_uid.is_empty().then(|| "1.2.77".to_owned());
        NReply { sop_instance_uid: chosen, ..Status::SUCCESS.into() }
    }
}

fn instance(number: u8) -> SopReference {
    SopReference {
        sop_class_uid: uids::CT_IMAGE_STORAGE.to_owned(),
        sop_instance_uid: format!("1.2.3.{number}"),
    }
}

/// Which of the two sides of storage commitment are registered, and which of asking and reporting a peer can do.
async fn check_commitment(builder: ServerBuilder, roles: Roles) {
    const PUSH: &str = uids::STORAGE_COMMITMENT_PUSH_MODEL;
    let mut peer = peer("vault:104");
    let mut proposed = CommitmentResult::reporting_role();
    proposed.roles = Roles::BOTH;
    peer.user.roles.push(proposed);
    let mut association = associate(builder.build(), &peer, &[(PUSH, &[EXPLICIT])]).await;
    assert_eq!(association.accepted()[0].roles, roles);
    let transaction_uid = "1.2.9".to_owned();
    let request = CommitmentRequest {
        transaction_uid: transaction_uid.clone(),
        instances: vec![instance(1)],
    };
    let result =
        CommitmentResult { transaction_uid, committed: vec![instance(1)], failed: Vec::new() };
    let (action, report) = (request.action(EXPLICIT).unwrap(), result.report(EXPLICIT).unwrap());
    for (message, may) in [(action, roles.scu), (report, roles.scp)] {
        match association.n_service(&message).await {
            Ok(reply) => assert_eq!((reply.status, may), (Status::SUCCESS, true)),
            Err(error) => {
                let is_for_want_of_role = matches!(error.fault, AssociationFault::NoRole { .. });
                assert!(is_for_want_of_role && !may, "{error}");
            }
        }
    }
}

#[tokio::test]
async fn each_side_of_storage_commitment_is_registered_by_itself() {
    let vault = Vault::default();
    let provider = builder().commitment(vault.clone());
    check_commitment(provider, Roles::SCU).await;
    let requestor = builder().commitment_results(vault.clone());
    check_commitment(requestor, Roles::SCP).await;
    let both = builder().commitment(vault.clone()).commitment_results(vault.clone());
    check_commitment(both, Roles::BOTH).await;
    assert_eq!(vault.asked.lock().unwrap().len(), 2);
    assert_eq!(vault.told.lock().unwrap().len(), 2);
}

fn notice() -> AvailabilityNotification {
    let available = |number, availability| InstanceAvailability {
        instance: instance(number),
        availability,
        retrieve_ae_titles: vec![title("ARCHIVE"), title("BACKUP")],
    };
    AvailabilityNotification {
        study_instance_uid: "1.2.3".to_owned(),
        performed_steps: vec![SopReference {
            sop_class_uid: STEP.to_owned(),
            sop_instance_uid: "1.2.1".to_owned(),
        }],
        series: vec![SeriesAvailability {
            series_instance_uid: "1.2.4".to_owned(),
            instances: vec![
                available(1, Availability::Online),
                available(2, Availability::Nearline),
                available(3, Availability::Offline),
                available(4, Availability::Unavailable),
            ],
        }],
    }
}

const IAN: &str = uids::INSTANCE_AVAILABILITY_NOTIFICATION;

#[tokio::test]
async fn a_notification_arrives_as_it_was_meant() {
    let vault = Vault::default();
    let server = builder().availability(vault.clone()).build();
    let contexts: &[(&str, &[&str])] = &[(IAN, &[IMPLICIT])];
    let mut association = associate(server, &peer("vault:104"), contexts).await;
    let plain = AvailabilityNotification { performed_steps: Vec::new(), ..notice() };
    for (uid, notice, named) in [("1.2.9", notice(), "1.2.9"), ("", plain.clone(), "1.2.77")] {
        let reply = association.n_service(&notice.create(uid, IMPLICIT).unwrap()).await.unwrap();
        assert_eq!(reply.status, Status::SUCCESS);
        assert_eq!(reply.sop_instance_uid.as_deref(), Some(named));
    }
    let expected = [("1.2.9".to_owned(), notice()), (String::new(), plain)];
    assert_eq!(*vault.noticed.lock().unwrap(), expected);
}

/// A notification with something else in its data set is refused, and the attribute named.
#[track_caller]
fn check_refused(change: fn(&mut DataSet), status: Status, attribute: Option<telerad_dicom::Tag>) {
    let mut request = notice().create("1.2.9", EXPLICIT).unwrap();
    let mut attributes = request.attributes(DataSetLimits::default()).unwrap();
    change(&mut attributes);
    request.data_set = Some(attributes.encode(EXPLICIT).unwrap().into());
    let refusal = AvailabilityNotification::read(&request, DataSetLimits::default()).unwrap_err();
    assert_eq!(refusal.status, status);
    assert_eq!(refusal.detail.attributes, attribute.into_iter().collect::<Vec<_>>());
}

/// Changes the first instance of the first series.
fn change_instance(attributes: &mut DataSet, change: fn(&mut DataSet)) {
    let mut series = attributes.items(tags::REFERENCED_SERIES_SEQUENCE).unwrap();
    let mut instances = series[0].items(tags::REFERENCED_SOP_SEQUENCE).unwrap();
    change(&mut instances[0]);
    series[0].set_items(tags::REFERENCED_SOP_SEQUENCE, instances);
    attributes.set_items(tags::REFERENCED_SERIES_SEQUENCE, series);
}

#[test]
fn a_notification_that_lacks_something_is_refused_by_name() {
    let missing = Status::MISSING_ATTRIBUTE;
    let wrong = Status::INVALID_ATTRIBUTE_VALUE;
    let (study, series) = (tags::STUDY_INSTANCE_UID, tags::REFERENCED_SERIES_SEQUENCE);
    check_refused(|set| set.remove(tags::STUDY_INSTANCE_UID), missing, Some(study));
    check_refused(
        |set| set.set_items(tags::REFERENCED_SERIES_SEQUENCE, Vec::new()),
        missing,
        Some(series),
    );
    let availability = tags::INSTANCE_AVAILABILITY;
    check_refused(
        |set| change_instance(set, |it| it.set_text(tags::INSTANCE_AVAILABILITY, "SOON")),
        wrong,
        Some(availability),
    );
    check_refused(
        |set| change_instance(set, |it| it.remove(tags::RETRIEVE_AE_TITLE)),
        missing,
        Some(tags::RETRIEVE_AE_TITLE),
    );
    let mut other = notice().create("1.2.9", EXPLICIT).unwrap();
    other.operation = NOperation::Set;
    let refusal = AvailabilityNotification::read(&other, DataSetLimits::default()).unwrap_err();
    assert_eq!(refusal.status, Status::UNRECOGNIZED_OPERATION);
}

#[tokio::test]
async fn the_limits_of_data_sets_hold_wherever_they_are_said() {
    let limits = DataSetLimits { elements_max: 2, ..DataSetLimits::default() };
    let vault = Vault::default();
    for builder in [
        builder().data_set_limits(limits).availability(vault.clone()),
        builder().availability(vault.clone()).data_set_limits(limits),
    ] {
        let mut association =
            associate(builder.build(), &peer("ris:104"), &[(IAN, &[EXPLICIT])]).await;
        let create = notice().create("1.2.7", EXPLICIT).unwrap();
        let reply = association.n_service(&create).await.unwrap();
        assert_eq!(reply.status, Status::PROCESSING_FAILURE);
    }
}
