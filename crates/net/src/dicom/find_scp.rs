//! Answering questions (C-FIND, PS3.4 section C.4.1 and annex K).

use std::future::Future;

use bytes::Bytes;
use telerad_dicom::dataset::{DataSet, DataSetLimits};
use telerad_dicom::{Status, StatusClass};
use telerad_dimse::Command;

use super::body::Body;
use super::context::AssociationContext;
use super::dialogue::{CollectError, Dialogue, Gone, collect};
use crate::BoxFuture;

/// Answers questions in one or more information models.
pub trait FindScp: Send + Sync + 'static {
    /// Answers one question with a stream of matches, each asked for when the peer has room for it. [`answers`] makes one
    /// of what is known already.
    ///
    /// The future, and the stream after it, are dropped when the peer cancels (PS3.4 section C.4.1.3.2) or leaves.
    ///
    /// # Errors
    /// The future yields the status that the peer is to hear instead of matches.
    fn find(
        &self,
        context: AssociationContext,
        request: FindRequest,
    ) -> impl Future<Output = Result<Box<dyn FindAnswers>, Status>> + Send;
}

/// A question (C-FIND-RQ).
#[derive(Clone, Eq, PartialEq)]
pub struct FindRequest {
    /// The message ID.
    pub message_id: u16,
    /// Affected SOP Class UID: the information model that is asked.
    pub sop_class_uid: String,
    /// The identifier as it came.
    pub identifier: Bytes,
    /// The encoding of the identifier, and of every answer.
    pub transfer_syntax_uid: String,
}

impl FindRequest {
    /// Decodes the identifier.
    ///
    /// # Errors
    /// [`Status::CANNOT_UNDERSTAND`], "unable to process" (PS3.4 table C.4-1).
    pub fn keys(&self, limits: DataSetLimits) -> Result<DataSet, Status> {
        DataSet::decode(&self.identifier, &self.transfer_syntax_uid, limits).map_err(|error| {
            tracing::warn!(message_id = self.message_id, "identifier refused: {error}");
            Status::CANNOT_UNDERSTAND
        })
    }

    /// Encodes one answer.
    ///
    /// # Errors
    /// [`Status::CANNOT_UNDERSTAND`] when the answer cannot be written in the encoding of the question.
    pub fn answer(&self, answer: &DataSet, support: KeySupport) -> Result<FindAnswer, Status> {
        match answer.encode(&self.transfer_syntax_uid) {
            Ok(identifier) => Ok(FindAnswer { identifier: identifier.into(), support }),
            Err(error) => {
                tracing::warn!(message_id = self.message_id, "answer not encoded: {error}");
                Err(Status::CANNOT_UNDERSTAND)
            }
        }
    }
}

impl std::fmt::Debug for FindRequest {
    /// Without the identifier, which names patients.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FindRequest")
            .field("message_id", &self.message_id)
            .field("sop_class_uid", &self.sop_class_uid)
            .field("identifier", &format_args!("<redacted: {} bytes>", self.identifier.len()))
            .field("transfer_syntax_uid", &self.transfer_syntax_uid)
            .finish()
    }
}

/// One match.
#[derive(Clone, Eq, PartialEq)]
pub struct FindAnswer {
    /// The match, in the encoding of the question.
    pub identifier: Bytes,
    /// Whether every optional key of the question took part.
    pub support: KeySupport,
}

impl std::fmt::Debug for FindAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FindAnswer").field("support", &self.support).finish_non_exhaustive()
    }
}

/// Whether the optional keys of a question were supported in the same manner as required ones (PS3.4 table C.4-1).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum KeySupport {
    /// All of them: FF00H.
    #[default]
    All,
    /// Not all of them: FF01H.
    Some,
}

/// Matches, one at a time, when the peer has room for them.
pub trait FindAnswers: Send {
    /// The next match; `None` when that was all, an error to end with that status instead.
    ///
    /// The future, and the answers with it, are dropped when the peer cancels or leaves.
    fn next(&mut self) -> BoxFuture<'_, Option<Result<FindAnswer, Status>>>;
}

/// Matches that are known already, or computed without waiting.
pub fn answers<I>(matches: I) -> Box<dyn FindAnswers>
where
    I: IntoIterator<Item = Result<FindAnswer, Status>>,
    I::IntoIter: Send + 'static,
{
    struct Known<I>(I);

    impl<I: Iterator<Item = Result<FindAnswer, Status>> + Send> FindAnswers for Known<I> {
        fn next(&mut self) -> BoxFuture<'_, Option<Result<FindAnswer, Status>>> {
            let next = self.0.next();
            Box::pin(std::future::ready(next))
        }
    }

    Box::new(Known(matches.into_iter()))
}

/// What a service makes of a question.
pub(super) type Found = Result<Box<dyn FindAnswers>, Status>;

/// Serves one C-FIND: one pending response per match, then exactly one final one.
pub(super) async fn serve(
    dialogue: &Dialogue,
    message_id: u16,
    body: Body,
    identifier_bytes_max: usize,
    find: impl FnOnce(FindRequest) -> BoxFuture<'static, Found>,
) -> Result<(), Gone> {
    let identifier = match collect(body, identifier_bytes_max).await {
        Ok(identifier) => identifier,
        Err(CollectError::Broken(_)) => return Err(Gone),
        Err(CollectError::TooLong(_)) => return dialogue.answer(Status::OUT_OF_RESOURCES).await,
    };
    let request = FindRequest {
        message_id,
        sop_class_uid: dialogue.context().abstract_syntax.clone(),
        identifier,
        transfer_syntax_uid: dialogue.context().transfer_syntax.clone(),
    };
    let class = request.sop_class_uid.clone();
    let mut answers = tokio::select! {
        biased;
        () = dialogue.cancelled() => return dialogue.answer(Status::CANCEL).await,
        found = find(request) => match found {
            Ok(answers) => answers,
            Err(status) => return dialogue.answer(final_of(status)).await,
        },
    };
    loop {
        let next = tokio::select! {
            biased;
            () = dialogue.cancelled() => return dialogue.answer(Status::CANCEL).await,
            next = answers.next() => next,
        };
        let answer = match next {
            Some(Ok(answer)) => answer,
            Some(Err(status)) => return dialogue.answer(final_of(status)).await,
            None => return dialogue.answer(Status::SUCCESS).await,
        };
        let response = Command::FindRsp {
            message_id,
            sop_class_uid: class.clone(),
            status: match answer.support {
                KeySupport::All => Status::PENDING,
                KeySupport::Some => Status::PENDING_WARNING,
            },
            has_identifier: true,
            comment: None,
        };
        dialogue.respond(response, Some(answer.identifier)).await?;
    }
}

/// A service that ends with a pending status would leave the peer waiting for ever.
pub(super) fn final_of(status: Status) -> Status {
    if status.class() == StatusClass::Pending { Status::PROCESSING_FAILURE } else { status }
}
