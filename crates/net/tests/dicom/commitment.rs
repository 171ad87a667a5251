//! Storage commitment, with its result delivered in each of the three ways.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use telerad_dicom::dataset::DataSetLimits;
use telerad_dicom::{Status, uids};
use telerad_dimse::{Roles, plan_contexts};
use telerad_net::dicom::{
    AssociationContext, ClientAssociation, CommitmentFailure, CommitmentRequest, CommitmentResult,
    CommitmentScp, CommitmentScu, EventReports, NReply, NRequest, Peer, Pool, PoolConfig,
    PoolCounts, Pooled, SopReference,
};
use telerad_net::{BoxFuture, TokioSpawn, shutdown};
use tokio::sync::Notify;

use crate::peers::{Queue, QueueConnector, peer};
use crate::server::{self, builder};

const SYNTAX: &str = uids::EXPLICIT_VR_LITTLE_ENDIAN;

/// A provider whose results wait for an association of the requestor; and a requestor's server, which notes results.
#[derive(Clone, Default)]
struct Vault {
    results: Arc<Mutex<VecDeque<CommitmentResult>>>,
    news: Arc<Notify>,
    answered: Arc<Mutex<Vec<Option<Status>>>>,
    heard: Arc<Mutex<Vec<CommitmentResult>>>,
    /// Whether results are known at once.
    hasty: bool,
}

impl CommitmentScp for Vault {
    async fn commit(&self, _: AssociationContext, asked: CommitmentRequest) -> Status {
        self.results.lock().unwrap().push_back(result(&asked));
        if self.hasty {
            self.news.notify_one();
        }
        Status::SUCCESS
    }

    fn reports(&self, _: AssociationContext) -> Option<Box<dyn EventReports>> {
        if !self.hasty && !self.results.lock().unwrap().is_empty() {
            self.news.notify_one();
        }
        Some(Box::new(self.clone()))
    }
}

impl CommitmentScu for Vault {
    async fn result(&self, _: AssociationContext, result: CommitmentResult) -> Status {
        self.heard.lock().unwrap().push(result);
        Status::SUCCESS
    }
}

impl EventReports for Vault {
    fn next(&mut self) -> BoxFuture<'_, Option<NRequest>> {
        Box::pin(async move {
            self.news.notified().await;
            let result = self.results.lock().unwrap().pop_front()?;
            result.report(SYNTAX).ok()
        })
    }

    fn answered(&mut self, _: NRequest, reply: Option<NReply>) -> BoxFuture<'_, ()> {
        self.answered.lock().unwrap().push(reply.map(|reply| reply.status));
        Box::pin(std::future::ready(()))
    }
}

fn instance(number: u8) -> SopReference {
    SopReference {
        sop_class_uid: uids::CT_IMAGE_STORAGE.to_owned(),
        sop_instance_uid: format!("1.2.3.{number}"),
    }
}

fn request() -> CommitmentRequest {
    CommitmentRequest {
        transaction_uid: "1.2.9".to_owned(),
        instances: vec![instance(1), instance(2)],
    }
}

/// The second instance of any request is not there.
fn result(request: &CommitmentRequest) -> CommitmentResult {
    CommitmentResult {
        transaction_uid: request.transaction_uid.clone(),
        committed: vec![request.instances[0].clone()],
        failed: vec![CommitmentFailure {
            instance: request.instances[1].clone(),
            reason: Status::NO_SUCH_SOP_INSTANCE.code(),
        }],
    }
}

async fn associate(services: &Vault, peer: &Peer) -> ClientAssociation {
    let services = services.clone();
    let server = builder().commitment(services.clone()).commitment_results(services).build();
    let contexts: &[(&str, &[&str])] = &[(uids::STORAGE_COMMITMENT_PUSH_MODEL, &[SYNTAX])];
    server::associate(server, peer, contexts).await
}

async fn ask(association: &mut ClientAssociation) {
    let action = request().action(SYNTAX).unwrap();
    assert_eq!(association.n_service(&action).await.unwrap().status, Status::SUCCESS);
}

/// Takes the result that has to come, and answers.
async fn take(association: &mut ClientAssociation) {
    let report = association.next_report(Duration::from_secs(10)).await.unwrap().unwrap();
    let got = CommitmentResult::read(&report.request, DataSetLimits::default()).unwrap();
    assert_eq!(got, result(&request()));
    assert!(request().is_answered_by(&got));
    association.answer_report(report, Status::SUCCESS.into()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_result_comes_on_the_association_of_the_request() {
    let vault = Vault { hasty: true, ..Vault::default() };
    let mut association = associate(&vault, &peer("vault:104")).await;
    ask(&mut association).await;
    take(&mut association).await;
    assert!(association.next_report(Duration::from_secs(1)).await.unwrap().is_none());
    association.release().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(*vault.answered.lock().unwrap(), [Some(Status::SUCCESS)]);
}

#[tokio::test(start_paused = true)]
async fn a_result_waits_for_a_later_association() {
    let vault = Vault::default();
    let mut association = associate(&vault, &peer("vault:104")).await;
    ask(&mut association).await;
    association.release().await.unwrap();
    let mut later = associate(&vault, &peer("vault:104")).await;
    take(&mut later).await;
    later.release().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(*vault.answered.lock().unwrap(), [Some(Status::SUCCESS)]);
}

#[tokio::test(start_paused = true)]
async fn a_result_is_told_in_the_transfer_syntax_of_its_context() {
    let vault = Vault { hasty: true, ..Vault::default() };
    let server = builder().commitment(vault.clone()).build();
    let implicit = uids::IMPLICIT_VR_LITTLE_ENDIAN;
    let contexts: &[(&str, &[&str])] = &[(uids::STORAGE_COMMITMENT_PUSH_MODEL, &[implicit])];
    let mut association = server::associate(server, &peer("vault:104"), contexts).await;
    let action = request().action(implicit).unwrap();
    assert_eq!(association.n_service(&action).await.unwrap().status, Status::SUCCESS);
    take(&mut association).await;
}

fn pool(vault: &Vault) -> Pool<QueueConnector> {
    let server = builder().commitment(vault.clone()).build();
    let (listener, connector) = Queue::new();
    tokio::task::spawn(async move {
        let (_handle, stop) = shutdown();
        server.serve(listener, Arc::new(TokioSpawn), stop).await;
    });
    Pool::new(connector, PoolConfig::default(), Arc::new(TokioSpawn))
}

async fn lend(pool: &Pool<QueueConnector>) -> Pooled {
    let needs = [(uids::STORAGE_COMMITMENT_PUSH_MODEL, SYNTAX)];
    pool.checkout(&peer("vault:104"), plan_contexts(&needs).remove(0)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_result_that_finds_an_association_idle_waits_for_its_next_user() {
    let vault = Vault::default();
    let pool = pool(&vault);
    ask(&mut *lend(&pool).await).await;
    vault.news.notify_one();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((pool.counts().idle, vault.results.lock().unwrap().len()), (1, 0));
    let mut lent = lend(&pool).await;
    assert!(lent.is_reused());
    take(&mut lent).await;
    drop(lent);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(*vault.answered.lock().unwrap(), [Some(Status::SUCCESS)]);
}

#[tokio::test(start_paused = true)]
async fn a_result_that_nobody_takes_is_never_answered() {
    let vault = Vault::default();
    let pool = pool(&vault);
    ask(&mut *lend(&pool).await).await;
    vault.news.notify_one();
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!((pool.counts(), vault.results.lock().unwrap().len()), (PoolCounts::default(), 0));
    // One who does not ask for it gives the association back with it.
    drop(lend(&pool).await);
    vault.results.lock().unwrap().push_back(result(&request()));
    vault.news.notify_one();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((pool.counts().idle, vault.results.lock().unwrap().len()), (1, 0));
    drop(lend(&pool).await);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(pool.counts(), PoolCounts::default());
    assert!(vault.answered.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_result_comes_on_an_association_that_the_provider_opens() {
    let asker = Vault::default();
    let mut peer = peer("asker:104");
    peer.user.roles.push(CommitmentResult::reporting_role());
    let mut association = associate(&asker, &peer).await;
    assert_eq!(association.accepted()[0].roles, Roles::SCP);
    let report = result(&request()).report(SYNTAX).unwrap();
    assert_eq!(association.n_service(&report).await.unwrap().status, Status::SUCCESS);
    assert_eq!(*asker.heard.lock().unwrap(), [result(&request())]);
}

#[test]
fn a_result_that_leaves_an_instance_out_answers_nothing() {
    let mut partial = result(&request());
    partial.failed.clear();
    assert!(!request().is_answered_by(&partial));
    let mut twice = result(&request());
    twice.committed.push(instance(2));
    assert!(!request().is_answered_by(&twice));
    let foreign = CommitmentResult { transaction_uid: "1.2.8".to_owned(), ..result(&request()) };
    assert!(!request().is_answered_by(&foreign));
}

#[test]
fn what_is_no_commitment_is_refused_with_its_reason() {
    let check = |change: fn(&mut NRequest), expected: Status| {
        let mut action = request().action(SYNTAX).unwrap();
        change(&mut action);
        let got = CommitmentRequest::read(&action, DataSetLimits::default());
        assert_eq!(got.unwrap_err(), expected);
    };
    check(|it| it.sop_instance_uid = "1.2".to_owned(), Status::NO_SUCH_SOP_INSTANCE);
    check(
        |it| it.operation = telerad_net::dicom::NOperation::Action { action_type_id: 2 },
        Status::NO_SUCH_ACTION_TYPE,
    );
    check(|it| it.data_set = None, Status::INVALID_ARGUMENT_VALUE);
}
