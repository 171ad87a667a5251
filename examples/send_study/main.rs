//! Sends DICOM files, or folders of them, to a peer by C-STORE: each data set as it lies in its file, read while it is sent.
//!
//! ```sh
//! cargo run --example send_study -- 127.0.0.1:11112 ANY-SCP study-folder more.dcm
//! ```
//!
//! Every kind of instance is proposed in its own transfer syntax, over as many associations as that takes. An instance
//! counts as sent when the peer has said so, and only then; whatever else happens to it is told at the end, and the exit
//! code is 1.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::ensure;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use telerad::dicom::StatusClass;
use telerad::dimse::{ProposedContext, plan_contexts};
use telerad::net::TcpConnector;
use telerad::net::dicom::{ClientAssociation, Peer};
use telerad_examples::{InstanceFile, find_instances, finish};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    finish("send_study", run(&arguments).await)
}

async fn run(arguments: &[String]) -> anyhow::Result<()> {
    let ([address, title, paths @ ..], true) = (arguments, arguments.len() > 2) else {
        anyhow::bail!("usage: send_study <address> <AE title> <file or folder> …");
    };
    let peer = Peer::new(address, title.parse()?, "TELERAD".parse()?);
    let (instances, left_out) = find_instances(paths).await?;
    ensure!(!instances.is_empty(), "there is no DICOM file in {}", paths.join(", "));

    let bar = progress_bar(instances.iter().map(|instance| instance.length).sum());
    let mut sending = Sending { peer, bar, answered: 0, faults: left_out };
    let kinds: BTreeSet<(&str, &str)> = instances.iter().map(kind).collect();
    for contexts in plan_contexts(&Vec::from_iter(kinds)) {
        let fits = |instance: &&InstanceFile| {
            contexts.iter().any(|context| {
                context.abstract_syntax == instance.meta.sop_class_uid
                    && context.transfer_syntaxes.contains(&instance.meta.transfer_syntax_uid)
            })
        };
        let instances: Vec<_> = instances.iter().filter(fits).collect();
        sending.over_one_association(contexts, &instances).await;
    }
    sending.bar.finish_and_clear();

    for fault in &sending.faults {
        writeln!(io::stdout(), "not sent: {fault}")?;
    }
    let total = sending.answered + sending.faults.len();
    writeln!(io::stdout(), "{} of {total} sent", sending.answered)?;
    ensure!(sending.faults.is_empty(), "{} of {total} not sent", sending.faults.len());
    Ok(())
}

struct Sending {
    peer: Peer,
    bar: ProgressBar,
    /// Instances that the peer says it has.
    answered: usize,
    /// What became of the others.
    faults: Vec<String>,
}

impl Sending {
    async fn over_one_association(
        &mut self,
        contexts: Vec<ProposedContext>,
        instances: &[&InstanceFile],
    ) {
        let mut association =
            match ClientAssociation::connect(&TcpConnector, &self.peer, contexts).await {
                Ok(association) => association,
                Err(error) => return self.give_up(instances, &error),
            };
        for (at, instance) in instances.iter().enumerate() {
            if let Err(error) = self.send(&mut association, instance).await {
                // What the peer has not answered is unknown, and this association cannot ask again.
                return self.give_up(instances.get(at..).unwrap_or_default(), &*error);
            }
        }
        if let Err(error) = association.release().await {
            tracing::debug!(%error, "everything was answered before");
        }
    }

    /// Sends one instance.
    ///
    /// # Errors
    /// When nothing more can be sent on this association.
    async fn send(
        &mut self,
        association: &mut ClientAssociation,
        instance: &InstanceFile,
    ) -> anyhow::Result<()> {
        let place = instance.path.display();
        let (class, syntax) = kind(instance);
        if !association.accepts(class, syntax) {
            self.faults.push(format!("{place}: the peer does not take {class} in {syntax}"));
            self.bar.inc(instance.length);
            return Ok(());
        }
        let bar = self.bar.clone();
        let body = instance.body(move |count| bar.inc(count)).await?;
        let answer = association.store(&instance.request(), body).await?;
        match answer.status().class() {
            StatusClass::Success => self.answered += 1,
            StatusClass::Warning => {
                self.answered += 1;
                self.bar.println(format!("{place}: stored with a warning, {}", answer.status()));
            }
            _ => self.faults.push(format!("{place}: the peer answers {}", answer.status())),
        }
        Ok(())
    }

    fn give_up(&mut self, instances: &[&InstanceFile], error: &dyn std::fmt::Display) {
        let faults = instances.iter().map(|it| format!("{}: {error}", it.path.display()));
        self.faults.extend(faults);
    }
}

fn kind(instance: &InstanceFile) -> (&str, &str) {
    (&instance.meta.sop_class_uid, &instance.meta.transfer_syntax_uid)
}

/// A bar over all bytes; nothing at all where nobody looks at it.
fn progress_bar(bytes: u64) -> ProgressBar {
    let target = match io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(Some(bytes), target);
    let style = "[{bar:32}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    bar.with_style(ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()))
}
