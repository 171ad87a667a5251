//! Over TLS: C-STORE beside request and response on the same streams. Nobody has set a target for it, and the other is no
//! ceiling: it writes and reads as one would who does not look at how TLS is driven.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use telerad::net::tls::{
    ClientCertificate, ClientFiles, ClientTls, ServerFiles, ServerTls, TlsAcceptor, TlsConnector,
};
use telerad::net::{Connector, Listener, SystemClock, TcpAcceptor, TcpConnector};
use telerad_trials::certificates::Certificates;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Effort;
use crate::ours::{address, associate_over, contexts, discard_on, request_of, runtime, store_from};
use crate::process::Role;
use crate::role::{Words, end_with_our_owner, say};
use crate::table::{self, Series};
use crate::workload::{Folders, Loaded, SLICE, SMALL, files};

/// Measures both kinds of instance and prints it.
pub fn compare(effort: &Effort, folders: &Folders) -> Result<()> {
    let keys = tempfile::tempdir()?;
    Certificates::issue(keys.path(), &["ca"], &[("sink", "ca")])?;
    let keys = keys.path().to_string_lossy();
    let (_server, bare_port) = Role::serve("secure-server", &[&keys])?;
    let (_sink, sink_port) = Role::serve("secure-sink", &[&keys])?;
    table::heading("over TLS 1.3, one association", "1/s");
    for (kind, sets) in [(&SLICE, folders.slices()), (&SMALL, folders.small())] {
        let (count, folder) = (files(&sets.whole)?.len() as f64, sets.whole.to_string_lossy());
        let (mut bare, mut ours) = (Series::default(), Series::default());
        for _ in 0..effort.runs {
            let took = |role, port: &str| Role::time(role, &[port, &folder, &keys]);
            bare.0.push(count / took("secure-sender", &bare_port)?);
            ours.0.push(count / took("secure-store", &sink_port)?);
        }
        table::baseline(&format!("{}, bare", kind.name), bare.median());
        table::compared("telerad -> telerad", ours.median(), ours.over(&bare).median());
    }
    Ok(())
}

/// CERTIFICATES: answers each request, which begins with its length.
pub fn serve(words: &Words<'_>) -> Result<()> {
    let tls = server(words.text(0)?)?;
    runtime(1)?.block_on(async {
        let mut listener = TlsAcceptor::new(TcpAcceptor::bind("127.0.0.1:0").await?, tls);
        end_with_our_owner();
        say(&format!("ready {}", port_of(&listener)?))?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let (stream, _) = listener.accept().await?;
            let (mut stream, _) = listener.handshake(stream).await?;
            while let Ok(length) = stream.read_u32_le().await {
                let mut left = length as usize;
                while left > 0 {
                    left -= stream.read(&mut buffer[..left.min(BUFFER_BYTES)]).await?;
                }
                stream.write_all(&ANSWER).await?;
                stream.flush().await?;
            }
        }
    })
}

/// PORT FOLDER CERTIFICATES: sends each data set as one request.
pub fn send(words: &Words<'_>) -> Result<()> {
    let (address, connector) = (address(words)?, connector(words.text(2)?)?);
    let mut requests = Vec::new();
    for instance in load(words.text(1)?)? {
        let mut request = u32::try_from(instance.data_set.len())?.to_le_bytes().to_vec();
        request.extend_from_slice(&instance.data_set);
        requests.push(request);
    }
    runtime(1)?.block_on(async {
        let stream = connector.connect(&address).await?;
        let (mut stream, _) = connector.handshake(&address, stream).await?;
        let started = Instant::now();
        for request in &requests {
            stream.write_all(request).await?;
            stream.flush().await?;
            stream.read_exact(&mut [0; ANSWER.len()]).await?;
        }
        say(&format!("took {}", started.elapsed().as_secs_f64()))
    })
}

/// CERTIFICATES: a storage SCP that keeps nothing.
pub fn sink(words: &Words<'_>) -> Result<()> {
    let tls = server(words.text(0)?)?;
    runtime(1)?.block_on(async {
        discard_on(TlsAcceptor::new(TcpAcceptor::bind("127.0.0.1:0").await?, tls)).await
    })
}

/// PORT FOLDER CERTIFICATES: stores a folder from memory.
pub fn store(words: &Words<'_>) -> Result<()> {
    let (address, connector) = (address(words)?, connector(words.text(2)?)?);
    let loaded = load(words.text(1)?)?;
    runtime(1)?.block_on(async {
        let mut association = associate_over(&connector, &address, contexts(1)).await?;
        let started = Instant::now();
        for instance in &loaded {
            let source = instance.data_set.clone();
            store_from(&mut association, &request_of(instance), source).await?;
        }
        let took = started.elapsed();
        association.release().await?;
        say(&format!("took {}", took.as_secs_f64()))
    })
}

fn load(folder: &str) -> Result<Vec<Loaded>> {
    files(Path::new(folder))?.iter().map(|file| Loaded::read(file)).collect()
}

fn server(folder: &str) -> Result<ServerTls> {
    let file = |name: &str| Path::new(folder).join(name);
    let files = ServerFiles {
        certificate: file("sink.pem"),
        key: file("sink.key"),
        ca: None,
        crls: Vec::new(),
        client_certificate: ClientCertificate::None,
    };
    Ok(ServerTls::load(files, SystemClock::shared())?)
}

fn connector(folder: &str) -> Result<TlsConnector<TcpConnector>> {
    let files = ClientFiles {
        ca: Path::new(folder).join("ca.pem"),
        crls: Vec::new(),
        own: None,
        server_name: None,
    };
    Ok(TlsConnector::new(TcpConnector, ClientTls::load(files, SystemClock::shared())?))
}

fn port_of(listener: &impl Listener) -> Result<String> {
    let address = listener.local_address();
    Ok(address.rsplit(':').next().context("no port")?.to_owned())
}

const BUFFER_BYTES: usize = 64 * 1024;
/// As long as the answer to a C-STORE.
const ANSWER: [u8; 150] = [0; 150];
