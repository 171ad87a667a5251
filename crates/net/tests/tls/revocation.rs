//! Certificates that were revoked, and lists that say so.

use telerad_net::SystemClock;
use telerad_net::tls::{
    ClientCertificate, ClientFiles, ClientTls, ServerFiles, ServerTls, TlsFault,
};

use crate::authority::Authority;
use crate::faults::shake;
use crate::pair::ADDRESS;

fn numbered(number: u64) -> impl FnOnce(&mut rcgen::CertificateParams) {
    move |params| params.serial_number = Some(rcgen::SerialNumber::from(number))
}

/// A server whose callers have to show certificates that are on none of its lists.
fn server(north: &Authority, list: std::path::PathBuf) -> ServerTls {
    let files = north.server_files(ClientCertificate::Required);
    let files = ServerFiles { crls: vec![list], ..files };
    ServerTls::load(files, SystemClock::shared()).unwrap()
}

fn client(north: &Authority, number: u64) -> ClientTls {
    let own = north.issue("ct1", numbered(number));
    north.client_with(Some(own))
}

#[tokio::test]
async fn a_caller_whose_certificate_was_revoked_is_turned_away_by_name() {
    let north = Authority::new("North CA");
    let server = server(&north, north.revoke(&[5, 7], 3000));
    let ends = shake(server.clone(), client(&north, 6), ADDRESS).await;
    assert_eq!(ends, (Ok(()), Ok(())));
    let (ours, theirs) = shake(server.clone(), client(&north, 7), ADDRESS).await;
    assert_eq!(ours, Err(TlsFault::Revoked));
    assert_eq!(theirs, Err(TlsFault::RefusedByPeer("CertificateRevoked".into())));
    assert!(!TlsFault::Revoked.is_retryable());
    // A new list counts as soon as it is read; one that cannot be read changes nothing.
    north.revoke(&[6], 3000);
    server.reload().unwrap();
    assert_eq!(shake(server.clone(), client(&north, 7), ADDRESS).await, (Ok(()), Ok(())));
    assert_eq!(shake(server.clone(), client(&north, 6), ADDRESS).await.0, Err(TlsFault::Revoked));
    std::fs::write(north.path("ca.crl"), "").unwrap();
    assert!(server.reload().is_err());
    assert_eq!(shake(server, client(&north, 6), ADDRESS).await.0, Err(TlsFault::Revoked));
}

#[tokio::test]
async fn a_server_whose_certificate_was_revoked_is_not_spoken_to() {
    let north = Authority::new("North CA");
    let crls = vec![north.revoke(&[7], 3000)];
    let files = ClientFiles { crls, ..north.client_files(None) };
    let client = ClientTls::load(files, SystemClock::shared()).unwrap();
    for (number, expected) in [(6, Ok(())), (7, Err(TlsFault::Revoked))] {
        let files = north.server_files(ClientCertificate::None);
        // In the same place.
        let (certificate, key) = north.issue("server", numbered(number));
        let files = ServerFiles { certificate, key, ..files };
        let server = ServerTls::load(files, SystemClock::shared()).unwrap();
        assert_eq!(shake(server, client.clone(), ADDRESS).await.1, expected);
    }
}

#[tokio::test]
async fn a_list_that_says_nothing_lets_nobody_in() {
    let (north, south) = (Authority::new("North CA"), Authority::new("South CA"));
    let old = server(&north, north.revoke(&[], 2002));
    let (ours, _) = shake(old, client(&north, 6), ADDRESS).await;
    assert_eq!(ours, Err(TlsFault::RevocationListExpired));
    let foreign = server(&north, south.revoke(&[], 3000));
    let (ours, _) = shake(foreign, client(&north, 6), ADDRESS).await;
    assert_eq!(ours, Err(TlsFault::RevocationUnknown));
}

#[test]
fn a_file_that_is_no_list_is_named() {
    let north = Authority::new("North CA");
    let refused = |file: &str| {
        let crls = vec![north.revoke(&[], 3000), north.path(file)];
        let server =
            ServerFiles { crls: crls.clone(), ..north.server_files(ClientCertificate::Required) };
        let client = ClientFiles { crls, ..north.client_files(None) };
        let server = ServerTls::load(server, SystemClock::shared()).unwrap_err();
        assert_eq!(ClientTls::load(client, SystemClock::shared()).unwrap_err(), server);
        server.to_string().rsplit_once('/').unwrap().1.to_owned()
    };
    let expected = "ca.pem: no revocation list in it; expected PEM with BEGIN X509 CRL";
    assert_eq!(refused("ca.pem"), expected);
    assert_eq!(refused("none.crl"), "none.crl: cannot be read: entity not found");
    let garbage = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    std::fs::write(north.path("bad.crl"), garbage).unwrap();
    assert!(refused("bad.crl").starts_with("bad.crl: not usable"));
}
