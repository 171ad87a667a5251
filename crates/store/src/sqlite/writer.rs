//! The one thread that writes.

use std::sync::{Arc, OnceLock};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::SqliteOptions;
use super::row::engine;
use super::rows::SqliteRows;
use crate::apply::apply;
use crate::fault::{SyncFault, SyncPoint};
use crate::{Batch, Receipt, StoreError};

/// A batch and who waits for it.
pub(super) struct Request {
    pub(super) batch: Batch,
    pub(super) reply: oneshot::Sender<Result<Receipt, StoreError>>,
}

pub(super) struct Writer {
    connection: Connection,
    requests: mpsc::Receiver<Request>,
    group_batches_max: usize,
    poison: Arc<OnceLock<String>>,
    sync_fault: SyncFault,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        requests: mpsc::Receiver<Request>,
        options: &SqliteOptions,
        poison: Arc<OnceLock<String>>,
    ) -> Self {
        Self {
            connection,
            requests,
            group_batches_max: options.group_batches_max.max(1),
            poison,
            sync_fault: options.sync_fault.clone(),
        }
    }

    /// Writes group after group until every caller is gone. A lone batch is written at once; those that arrive
    /// during its sync are the next group. So the group grows with the load and nobody waits for company.
    pub(super) fn run(mut self) {
        let mut group = Vec::new();
        while let Some(request) = self.requests.blocking_recv() {
            group.push(request);
            while group.len() < self.group_batches_max {
                let Ok(request) = self.requests.try_recv() else { break };
                group.push(request);
            }
            self.write(&mut group);
        }
    }

    /// Writes a group and tells every waiter, none of them before the outcome of the commit is known.
    fn write(&self, group: &mut Vec<Request>) {
        let (batches, waiters): (Vec<_>, Vec<_>) =
            group.drain(..).map(|request| (request.batch, request.reply)).unzip();
        let outcome = match self.poison.get() {
            Some(reason) => Err(StoreError::Poisoned { reason: reason.clone() }),
            None => self.transact(batches),
        };
        let answers = match outcome {
            Ok(answers) => answers,
            Err(error) => vec![Err(error); waiters.len()],
        };
        for (waiter, answer) in waiters.into_iter().zip(answers) {
            // Whoever stopped waiting reads the outcome from the store.
            let _ = waiter.send(answer);
        }
    }

    fn transact(
        &self,
        batches: Vec<Batch>,
    ) -> Result<Vec<Result<Receipt, StoreError>>, StoreError> {
        // Nothing was written yet, so a busy database fails this group and harms no other.
        self.connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(engine)
            .inspect_err(|error| self.poison_if_fatal(error))?;
        self.write_members(batches).map_err(|error| self.give_up(error))
    }

    /// From `BEGIN` to `COMMIT`. An error is about the group as a whole.
    fn write_members(
        &self,
        batches: Vec<Batch>,
    ) -> Result<Vec<Result<Receipt, StoreError>>, StoreError> {
        let mut answers = Vec::with_capacity(batches.len());
        for batch in batches {
            self.run_sql("SAVEPOINT member")?;
            let answer = match apply(batch, &mut SqliteRows(&self.connection)) {
                Err(fatal @ StoreError::Poisoned { .. }) => return Err(fatal),
                answer => answer,
            };
            if answer.is_err() {
                self.run_sql("ROLLBACK TO member")?;
            }
            // FULL, IOERR and NOMEM may have rolled back everything, the members before included.
            if self.connection.is_autocommit() {
                let reason = "the engine rolled the group back".to_owned();
                return Err(StoreError::Poisoned { reason });
            }
            self.run_sql("RELEASE member")?;
            answers.push(answer);
        }
        self.sync_fault
            .check(SyncPoint::Commit)
            .map_err(|error| StoreError::Poisoned { reason: error.to_string() })?;
        self.run_sql("COMMIT")?;
        Ok(answers)
    }

    fn run_sql(&self, sql: &str) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(engine)?;
        statement.execute([]).map(drop).map_err(engine)
    }

    /// Ends a group that failed as a whole. Whatever the error was, it is not known what the disk has: no more is
    /// accepted.
    fn give_up(&self, error: StoreError) -> StoreError {
        if !self.connection.is_autocommit() {
            // A rollback that fails leaves the transaction open and uncommitted, which is as good.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        let fatal = match error {
            StoreError::Poisoned { .. } => error,
            other => StoreError::Poisoned { reason: other.to_string() },
        };
        self.poison_if_fatal(&fatal);
        fatal
    }

    fn poison_if_fatal(&self, error: &StoreError) {
        if let StoreError::Poisoned { reason } = error {
            tracing::error!(%reason, "the store accepts no more batches");
            // Only the first reason is kept.
            let _ = self.poison.set(reason.clone());
        }
    }
}
