//! Each cause has its own name, at the end that can know it.

use telerad_net::tls::{
    ClientCertificate, ClientFiles, ClientTls, ServerFiles, ServerTls, Spoken, TlsAcceptor,
    TlsConnector, TlsFault,
};
use telerad_net::{Connector, Listener, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::authority::{self, Authority};
use crate::pair::{ADDRESS, pair};

pub type End = Result<(), TlsFault>;

/// What the two ends make of a handshake and of one byte each way.
pub async fn shake(server: ServerTls, client: ClientTls, address: &str) -> (End, End) {
    let (port, cable) = pair();
    let mut listener = TlsAcceptor::new(port, server);
    let connector = TlsConnector::new(cable, client);
    let serving = async {
        let (stream, _) = listener.accept().await?;
        let (mut stream, _) = listener.handshake(stream).await?;
        let byte = stream.read_u8().await?;
        stream.write_u8(byte).await?;
        stream.shutdown().await
    };
    let calling = async {
        let stream = connector.connect(address).await?;
        let (mut stream, _) = connector.handshake(address, stream).await?;
        stream.write_u8(7).await?;
        stream.flush().await?;
        stream.read_u8().await.map(|_| ())
    };
    let (serving, calling) = tokio::join!(serving, calling);
    let fault = |end: std::io::Result<()>| {
        end.map_err(|error| {
            TlsFault::of(&error).cloned().unwrap_or(TlsFault::Transport(error.kind()))
        })
    };
    (fault(serving), fault(calling))
}

#[tokio::test]
async fn with_good_certificates_both_ends_are_content() {
    let north = Authority::new("North CA");
    for wanted in [ClientCertificate::None, ClientCertificate::Allowed, ClientCertificate::Required]
    {
        let ends = shake(north.server(wanted), north.client(Some("ct1")), ADDRESS).await;
        assert_eq!(ends, (Ok(()), Ok(())), "{wanted:?}");
    }
    let ends = shake(north.server(ClientCertificate::Allowed), north.client(None), ADDRESS).await;
    assert_eq!(ends, (Ok(()), Ok(())));
    let ends =
        shake(north.server(ClientCertificate::None), north.client(None), "192.0.2.1:2762").await;
    assert_eq!(ends, (Ok(()), Ok(())), "called by its address");
}

#[tokio::test]
async fn without_a_client_certificate_that_is_required_there_is_no_connection() {
    let north = Authority::new("North CA");
    let ends = shake(north.server(ClientCertificate::Required), north.client(None), ADDRESS).await;
    assert_eq!(ends, (Err(TlsFault::NoCertificate), Err(TlsFault::CertificateWanted)));
}

#[tokio::test]
async fn a_client_of_a_strange_authority_is_refused_even_where_none_is_required() {
    let (north, south) = (Authority::new("North CA"), Authority::new("South CA"));
    for wanted in [ClientCertificate::Allowed, ClientCertificate::Required] {
        let own = south.issue("ct1", |_| {});
        let ends = shake(north.server(wanted), north.client_with(Some(own)), ADDRESS).await;
        assert_eq!(ends, (Err(TlsFault::Untrusted), Err(TlsFault::UntrustedByPeer)), "{wanted:?}");
    }
}

#[tokio::test]
async fn a_client_certificate_must_be_in_date_and_for_clients() {
    let north = Authority::new("North CA");
    let own = north.issue("old", authority::expired);
    let (ours, theirs) =
        shake(north.server(ClientCertificate::Required), north.client_with(Some(own)), ADDRESS)
            .await;
    assert_eq!(ours, Err(TlsFault::Expired));
    assert_eq!(theirs, Err(TlsFault::RefusedByPeer("CertificateExpired".into())));
    let own = north.issue("web", authority::for_servers_only);
    let (ours, _) =
        shake(north.server(ClientCertificate::Required), north.client_with(Some(own)), ADDRESS)
            .await;
    assert_eq!(ours, Err(TlsFault::NotForThisEnd));
}

/// What a client of ours says to a server with this certificate.
#[track_caller]
fn check_server(
    (certificate, key): (std::path::PathBuf, std::path::PathBuf),
    client: ClientTls,
    expected: &str,
) {
    let client_certificate = ClientCertificate::None;
    let files = ServerFiles { certificate, key, ca: None, crls: Vec::new(), client_certificate };
    let server = ServerTls::load(files, SystemClock::shared()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (_, ours) = runtime.block_on(shake(server, client, ADDRESS));
    assert_eq!(ours.unwrap_err().to_string(), expected);
}

#[test]
fn what_is_wrong_with_a_server_is_named() {
    let (north, south) = (Authority::new("North CA"), Authority::new("South CA"));
    let client = || north.client(None);
    let expected = "the peer's certificate was not issued by an authority that is trusted here";
    check_server(south.issue("server", |_| {}), client(), expected);
    let expected = "the peer's certificate has expired";
    check_server(north.issue("server", authority::expired), client(), expected);
    let expected = "the peer's certificate is not valid yet";
    check_server(north.issue("server", authority::not_yet), client(), expected);
    let expected =
        "the peer's certificate is not for server.example; it is for other.example, 192.0.2.1";
    check_server(north.issue("other", |_| {}), client(), expected);
    let nameless = |params: &mut rcgen::CertificateParams| params.subject_alt_names.clear();
    let expected = "the peer's certificate is not for server.example; it is for nobody: it has no subject alternative name";
    check_server(north.issue("server", nameless), client(), expected);
    let expected =
        "the peer's certificate is not meant for this end of a connection (extended key usage)";
    check_server(north.issue("server", authority::for_clients_only), client(), expected);
    let authority = |params: &mut rcgen::CertificateParams| {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    };
    let expected = "the peer's certificate is one of an authority (CA:TRUE) and cannot be a peer's own; it needs one with CA:FALSE";
    check_server(north.issue("server", authority), client(), expected);
}

#[tokio::test]
async fn a_name_can_be_given_where_the_address_has_another() {
    let north = Authority::new("North CA");
    let server_name = Some("server.example".to_owned());
    let files = ClientFiles { server_name, ..north.client_files(None) };
    let client = ClientTls::load(files, SystemClock::shared()).unwrap();
    let ends = shake(north.server(ClientCertificate::None), client, "10.8.0.7:2762").await;
    assert_eq!(ends, (Ok(()), Ok(())));
}

/// What a server of ours says to somebody who begins like this.
async fn begun_with(bytes: &[u8]) -> TlsFault {
    let (port, cable) = pair();
    let north = Authority::new("North CA");
    let mut listener = TlsAcceptor::new(port, north.server(ClientCertificate::None));
    let mut near = cable.plug();
    near.write_all(bytes).await.unwrap();
    near.shutdown().await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let error = listener.handshake(stream).await.map(|_| ()).unwrap_err();
    TlsFault::of(&error).cloned().unwrap()
}

#[tokio::test]
async fn plain_text_is_known_by_what_it_says() {
    let dicom = b"\x01\x00\x00\x00\x00\xCD\x00\x01\x00\x00";
    assert_eq!(begun_with(dicom).await, TlsFault::PlainText(Spoken::Dicom));
    assert_eq!(begun_with(b"\x0BMSH|^~\\&|A").await, TlsFault::PlainText(Spoken::Hl7));
    assert_eq!(begun_with(b"GET / HTTP/1.0\r\n\r\n").await, TlsFault::PlainText(Spoken::Http));
    assert_eq!(begun_with(b"SSH-2.0-OpenSSH_9\r\n").await, TlsFault::PlainText(Spoken::Unknown));
    assert_eq!(begun_with(b"").await, TlsFault::Closed);
    assert_eq!(begun_with(b"\x16\x03\x01").await, TlsFault::Closed);
}

#[tokio::test]
async fn tls_1_1_is_refused() {
    // A ClientHello that knows nothing newer than TLS 1.1.
    let mut hello = b"\x03\x02".to_vec();
    hello.extend([7; 32]);
    hello.extend(b"\x00\x00\x02\xC0\x13\x01\x00");
    let mut handshake = vec![1, 0, 0, u8::try_from(hello.len()).unwrap()];
    handshake.extend(hello);
    let mut record = vec![0x16, 3, 1, 0, u8::try_from(handshake.len()).unwrap()];
    record.extend(handshake);
    assert_eq!(begun_with(&record).await, TlsFault::NoCommonVersion);
}

#[tokio::test]
async fn nothing_passes_before_the_handshake() {
    let north = Authority::new("North CA");
    let (port, cable) = pair();
    let mut listener = TlsAcceptor::new(port, north.server(ClientCertificate::None));
    cable.plug().write_all(b"in clear").await.unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    let error = stream.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotConnected);
}
