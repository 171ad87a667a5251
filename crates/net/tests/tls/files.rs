//! Files that are wrong, and files that change.

use telerad_net::tls::{ClientCertificate, ServerFiles, ServerTls, TlsAcceptor, TlsConnector};
use telerad_net::{Connector, Listener, SystemClock};

use crate::authority::Authority;
use crate::pair::{ADDRESS, pair};

#[track_caller]
fn check(files: ServerFiles, folder: &Authority, expected: &str) {
    let error = ServerTls::load(files, SystemClock::shared()).map(|_| ()).unwrap_err();
    let folder = format!("{}/", folder.path("").display()).replace("//", "/");
    assert_eq!(error.to_string().replace(&folder, ""), expected);
}

#[test]
fn what_is_wrong_with_a_file_is_named() {
    let north = Authority::new("North CA");
    let good = || north.server_files(ClientCertificate::Required);
    let missing = ServerFiles { key: north.path("nowhere.key"), ..good() };
    check(missing, &north, "nowhere.key: cannot be read: entity not found");
    let swapped = ServerFiles { key: good().certificate, ..good() };
    let expected =
        "server.pem: no private key in it; expected PEM with BEGIN PRIVATE KEY, without a password";
    check(swapped, &north, expected);
    let swapped = ServerFiles { certificate: good().key, ..good() };
    let expected = "server.key: no certificate in it; expected PEM with BEGIN CERTIFICATE";
    check(swapped, &north, expected);
    let (_, key) = north.issue("other", |_| {});
    let expected = "other.key: is not the private key of the certificate in ";
    let other = ServerFiles { key, ..good() };
    let expected = format!("{expected}server.pem");
    check(other, &north, &expected);
    let expected = "server.pem: client certificates are asked for, so the authorities (ca) that issue them are needed";
    check(ServerFiles { ca: None, ..good() }, &north, expected);
    std::fs::write(north.path("broken.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n").unwrap();
    let broken = ServerFiles { certificate: north.path("broken.pem"), ..good() };
    check(broken, &north, "broken.pem: not valid PEM");
}

#[tokio::test]
async fn renewed_certificates_are_used_without_a_restart() {
    let north = Authority::new("North CA");
    let server = north.server(ClientCertificate::None);
    let (port, cable) = pair();
    let mut listener = TlsAcceptor::new(port, server.clone());
    let connector = TlsConnector::new(cable, north.client(None));
    let mut shown = Vec::new();
    for round in 0..3 {
        match round {
            // A broken file changes nothing.
            1 => {
                std::fs::write(north.path("server.pem"), "").unwrap();
                assert!(server.reload().is_err());
            }
            2 => {
                north.issue("server", |_| {});
                server.reload().unwrap();
            }
            _ => {}
        }
        let serving = async {
            let (stream, _) = listener.accept().await.unwrap();
            listener.handshake(stream).await.unwrap()
        };
        let calling = async {
            let stream = connector.connect(ADDRESS).await.unwrap();
            connector.handshake(ADDRESS, stream).await.unwrap()
        };
        let (_, (_, identity)) = tokio::join!(serving, calling);
        shown.push(identity.unwrap().fingerprint);
    }
    assert_eq!(shown[0], shown[1]);
    assert_ne!(shown[1], shown[2]);
}
