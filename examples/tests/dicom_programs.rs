//! The DICOM examples, against one another and against a server of the test.

#![expect(clippy::disallowed_methods, reason = "the test reads the files that programs write")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use telerad::dicom::{DataSet, Status, part10, tags, uids};
use telerad::dimse::plan_contexts;
use telerad::net::dicom::{
    AssociationContext, CalledTitle, ClientAssociation, CommitmentFailure, CommitmentRequest,
    CommitmentResult, CommitmentScp, FindAnswers, FindRequest, FindScp, KeySupport, Peer, Server,
    answers,
};
use telerad::net::{Listener, ShutdownHandle, TcpAcceptor, TcpConnector, TokioSpawn, shutdown};

/// Cargo builds the examples of a package before it runs its tests.
fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(|dependencies| dependencies.parent()).unwrap();
    Command::new(folder.join("examples").join(name))
}

fn run(name: &str, arguments: &[&str]) -> (i32, String) {
    let output = example(name).args(arguments).output().unwrap();
    (output.status.code().unwrap(), text(output))
}

fn text(output: Output) -> String {
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    text.join("\n")
}

/// A program that runs until it is told to stop, and where it listens.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let mut child = example(name).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        // One byte at a time, so that the rest stays for whoever reads it.
        BufReader::with_capacity(1, child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { child, address }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

const TESTDATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/testkit/testdata/dicom");

/// UIDs, transfer syntaxes and digests of the data sets of the DICOM files in a folder, in order.
fn instances(folder: &Path) -> Vec<(String, String, String)> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|it| it == "dcm"));
    let mut instances: Vec<_> = files
        .map(|path| {
            let bytes = std::fs::read(path).unwrap();
            let (meta, offset) = part10::read(&bytes).unwrap();
            let mut data_set = bytes[offset..].to_vec();
            // What PS3.5 section A.5 adds to an odd deflated stream, and an encoder may have left out.
            data_set.resize(data_set.len().next_multiple_of(2), 0);
            let digest = blake3::hash(&data_set).to_string();
            (meta.sop_instance_uid, meta.transfer_syntax_uid, digest)
        })
        .collect();
    instances.sort();
    instances
}

#[test]
fn a_study_arrives_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let received = folder.path().join("received");
    let inbox =
        Running::start("receive_studies", &["127.0.0.1:0", "INBOX", received.to_str().unwrap()]);

    let (code, said) = run("echo", &[&inbox.address, "INBOX", "ROOM-1", "2"]);
    assert!(code == 0 && said.contains("echo 2: 0000H"), "{said}");

    let (code, said) = run("send_study", &[&inbox.address, "INBOX", TESTDATA]);
    let sent = instances(Path::new(TESTDATA));
    // The folder's licences and its description are no instances, and that is told.
    assert!(said.contains("LICENSE-pydicom is no DICOM file"), "{said}");
    assert!(said.contains(&format!("{} of {} sent", sent.len(), sent.len() + 4)), "{said}");
    assert_eq!(code, 1, "{said}");
    assert_eq!(instances(&received), sent);

    let one = format!("{TESTDATA}/ct_explicit.dcm");
    let (code, said) = run("send_study", &[&inbox.address, "INBOX", &one]);
    assert!(code == 0 && said.contains("1 of 1 sent"), "{said}");
    // Some files of the folder bear one UID, and are all there; what is sent again is there once.
    assert_eq!(instances(&received), sent);
}

#[test]
fn what_goes_wrong_is_told_with_its_cause() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let inbox = Running::start("receive_studies", &["127.0.0.1:0", "INBOX", folder]);
    let ct = format!("{TESTDATA}/ct_explicit.dcm");
    let expect = |name: &str, arguments: &[&str], expected: &str| {
        let (code, said) = run(name, arguments);
        assert!(code == 1 && said.contains(expected), "{name} {arguments:?}: {said}");
    };
    expect("echo", &[&inbox.address, "OUTBOX"], "called AE title not recognized");
    expect("send_study", &[&inbox.address, "OUTBOX", &ct], "called AE title not recognized");
    expect("send_study", &[&inbox.address, "INBOX", "nowhere"], "cannot read nowhere");
    expect("send_study", &[&inbox.address, "INBOX", folder], "there is no DICOM file in");
    expect("query_worklist", &[&inbox.address, "INBOX"], "no presentation context");
    expect("receive_studies", &[&inbox.address, "INBOX", folder], "cannot listen on");
    expect("serve_worklist", &[&inbox.address, "RIS", "nowhere"], "cannot read nowhere");
    for name in ["echo", "send_study", "receive_studies", "query_worklist", "request_commitment"] {
        expect(name, &[], "usage");
    }
    expect("serve_worklist", &[], "usage");
    expect("echo", &["127.0.0.1:1", "INBOX"], "refused");
}

/// A server of the test's own.
struct Serving {
    address: String,
    stop: ShutdownHandle,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Serving {
    fn start(server: Server) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(TcpAcceptor::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_address();
        let (stop, stopping) = shutdown();
        runtime.spawn(server.serve(listener, Arc::new(TokioSpawn), stopping));
        Self { address, stop, runtime: Some(runtime) }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.request();
        self.runtime.take().unwrap().shutdown_background();
    }
}

struct OneStep;

impl FindScp for OneStep {
    async fn find(
        &self,
        _: AssociationContext,
        request: FindRequest,
    ) -> Result<Box<dyn FindAnswers>, Status> {
        let asked = request.keys(Default::default())?;
        let mut step = asked.items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE).unwrap().remove(0);
        step.set_text(tags::SCHEDULED_PROCEDURE_STEP_START_DATE, "20260302");
        step.set_text(tags::SCHEDULED_PROCEDURE_STEP_START_TIME, "0915");
        let mut answer = DataSet::new();
        answer.set_text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192");
        answer.set_text(tags::ACCESSION_NUMBER, "A-77");
        answer.set_text(tags::PATIENT_NAME, "LEFÈVRE^ÉLODIE");
        answer.set_items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE, vec![step]);
        let answer = request.answer(&answer, KeySupport::All)?;
        Ok(answers([Ok(answer)]))
    }
}

#[test]
fn the_worklist_is_shown() {
    let title = CalledTitle("RIS".parse().unwrap());
    let serving = Serving::start(Server::builder(title).worklist(OneStep).build());
    let (code, said) = run("query_worklist", &[&serving.address, "RIS", "MR", "20260301-"]);
    assert_eq!(code, 0, "{said}");
    for expected in ["20260302 0915", "MR", "A-77", "LEFÈVRE^ÉLODIE", "1 steps"] {
        assert!(said.contains(expected), "{expected} is missing: {said}");
    }
}

#[test]
fn a_worklist_is_served_from_orders() {
    let order = concat!(env!("CARGO_MANIFEST_DIR"), "/messages/order.hl7");
    let serving = Running::start("serve_worklist", &["127.0.0.1:0", "RIS", order]);
    let (code, said) = run("query_worklist", &[&serving.address, "RIS", "CT", "20260301"]);
    assert_eq!(code, 0, "{said}");
    for expected in ["20260301", "1430", "ACC-26-004417", "NP-20417", "LEFÈVRE", "2 steps"] {
        assert!(said.contains(expected), "{expected} is missing: {said}");
    }
    let (code, said) = run("query_worklist", &[&serving.address, "RIS", "MR"]);
    assert!(code == 0 && said.contains("0 steps"), "{said}");
}

/// An archive that brings its word on an association of its own.
#[derive(Clone, Default)]
struct Archive {
    /// Where the requestor listens.
    requestor: Arc<Mutex<String>>,
    /// Of which class it keeps nothing.
    refused: &'static str,
}

impl CommitmentScp for Archive {
    async fn commit(&self, _: AssociationContext, request: CommitmentRequest) -> Status {
        let archive = self.clone();
        tokio::spawn(async move { archive.report(request).await });
        Status::SUCCESS
    }
}

impl Archive {
    async fn report(&self, request: CommitmentRequest) {
        let (failed, committed): (Vec<_>, Vec<_>) =
            request.instances.into_iter().partition(|it| it.sop_class_uid == self.refused);
        let failed = failed.into_iter();
        let failed = failed.map(|instance| CommitmentFailure { instance, reason: 0x0112 });
        let result = CommitmentResult {
            transaction_uid: request.transaction_uid,
            committed,
            failed: failed.collect(),
        };
        let address = self.requestor.lock().unwrap().clone();
        let mut peer = Peer::new(address, "TELERAD".parse().unwrap(), "ARCHIVE".parse().unwrap());
        peer.user.roles = vec![CommitmentResult::reporting_role()];
        let syntax = uids::EXPLICIT_VR_LITTLE_ENDIAN;
        let contexts = plan_contexts(&[(uids::STORAGE_COMMITMENT_PUSH_MODEL, syntax)]).concat();
        let opened = ClientAssociation::connect(&TcpConnector, &peer, contexts).await;
        let mut association = opened.unwrap();
        let reply = association.n_service(&result.report(syntax).unwrap()).await.unwrap();
        assert_eq!(reply.status, Status::SUCCESS);
        association.release().await.unwrap();
    }
}

/// Asks an archive that keeps nothing of the class `refused`; exit code, and what was said.
fn ask_for_commitment(refused: &'static str) -> (i32, String) {
    let archive = Archive { refused, ..Archive::default() };
    let title = CalledTitle("ARCHIVE".parse().unwrap());
    let serving = Serving::start(Server::builder(title).commitment(archive.clone()).build());
    let files = ["ct_explicit.dcm", "mr_explicit.dcm"].map(|name| format!("{TESTDATA}/{name}"));
    // The archive has to know where the requestor listens before it is asked.
    let mine =
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    archive.requestor.lock().unwrap().clone_from(&mine);
    let [ct, mr] = &files;
    run("request_commitment", &[&serving.address, "ARCHIVE", &mine, "20", ct, mr])
}

#[test]
fn an_archive_answers_for_what_it_keeps() {
    let (code, said) = ask_for_commitment("");
    assert!(code == 0 && said.contains("2 of 2 instances are safe"), "{said}");
}

#[test]
fn what_an_archive_does_not_keep_is_told() {
    let (code, said) = ask_for_commitment(uids::CT_IMAGE_STORAGE);
    assert!(code == 1 && said.contains("1 of 2 instances are safe"), "{said}");
    assert!(said.contains("reason 0112H"), "{said}");
}
