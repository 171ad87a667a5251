//! Many associations at once, from one process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use telerad::net::dicom::ClientAssociation;
use tokio::task::JoinSet;

use crate::ours::{Synthetic, address, associate, contexts, request, runtime, store_from};
use crate::role::{Words, say};

/// PORT COUNT SECONDS: opens so many associations and, when told to go on, stores on all of them for a while.
///
/// Says `established COUNT`, then `served` and how many instances each association had answered in that time.
pub fn send(words: &Words<'_>) -> Result<()> {
    let (address, count) = (address(words)?, words.number(1)?);
    let patience = Duration::from_secs_f64(words.number(2)?);
    let runtime = runtime(2)?;
    let associations = runtime.block_on(async {
        let mut associations = Vec::new();
        for _ in 0..count {
            associations.push(associate(&address, contexts(CONTEXTS)).await?);
        }
        anyhow::Ok(associations)
    })?;
    say(&format!("established {}", associations.len()))?;
    std::io::stdin().read_line(&mut String::new())?;
    let served = runtime.block_on(store_for(associations, patience))?;
    let served: Vec<String> = served.iter().map(usize::to_string).collect();
    say(&format!("served {}", served.join(" ")))
}

async fn store_for(associations: Vec<ClientAssociation>, patience: Duration) -> Result<Vec<usize>> {
    let start = Arc::new(tokio::sync::Barrier::new(associations.len()));
    let mut tasks = JoinSet::new();
    for mut association in associations {
        let start = Arc::clone(&start);
        tasks.spawn(async move {
            start.wait().await;
            let deadline = Instant::now() + patience;
            let mut served = 0;
            while Instant::now() < deadline {
                store_from(&mut association, &request("2.25.1"), Synthetic::new(1)).await?;
                // What is answered later is not of this time.
                served += usize::from(Instant::now() < deadline);
            }
            anyhow::Ok((association, served))
        });
    }
    let (mut open, mut served) = (Vec::new(), Vec::new());
    while let Some(task) = tasks.join_next().await {
        let (association, count) = task.context("a task panicked")??;
        open.push(association);
        served.push(count);
    }
    for association in open {
        association.release().await?;
    }
    Ok(served)
}

/// As many as a modality proposes at most, as a rule.
const CONTEXTS: usize = 16;
