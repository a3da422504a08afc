//! What went wrong with a request, and in which words it is told.

use std::error::Error;
use std::time::Duration;

use gristmill_input::ObjectError;
use http::StatusCode;
use http::header::RETRY_AFTER;
use object_store::client::{HttpError, HttpResponse};
use serde::Deserialize;

/// The most of an answer that says what is wrong, in bytes.
const MOST: usize = 64 << 10;
/// The longest message of a store that is told.
const MESSAGE: usize = 300;
/// The longest wait that a store may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Why a request gave nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Another try may go better.
    Passing {
        /// Why, in words.
        reason: String,
        /// How long the store asked to wait.
        wait: Option<Duration>,
    },
    /// The bucket is in this region: another try there goes better.
    Region(String),
    /// There is no such thing; the store's code for it.
    Absent(String),
    /// A condition of the request does not hold.
    Condition,
    /// Something of that name is there already, or is being made.
    Exists,
    /// It is as it is.
    Final(ObjectError),
}

/// What S3, Google's and Azure's stores say of an error. What else they say may be secret.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Told {
    code: String,
    message: String,
}

impl Failure {
    pub(crate) fn passing(reason: impl Into<String>) -> Self {
        Self::Passing {
            reason: reason.into(),
            wait: None,
        }
    }

    pub(crate) fn fatal(reason: impl Into<String>) -> Self {
        Self::Final(ObjectError::Failed(reason.into()))
    }

    /// What kept a request from being answered. The text of the causes, without the URL.
    pub(crate) fn of_transport(error: &HttpError) -> Self {
        Self::passing(causes(error))
    }

    /// What an answer says that is no success.
    pub(crate) async fn of_answer(answer: HttpResponse, region: Option<&str>) -> Self {
        let (status, headers) = (answer.status(), answer.headers().clone());
        if let Some(told) = headers.get("x-amz-bucket-region")
            && let Ok(told) = told.to_str()
            && region.is_some_and(|region| region != told)
            && matches!(status.as_u16(), 301 | 307 | 400 | 403)
        {
            return Self::Region(told.to_owned());
        }
        let wait = headers.get(RETRY_AFTER).and_then(|value| {
            let seconds = value.to_str().ok()?.trim().parse().ok()?;
            Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
        });
        let mut told = match answer.into_body().bytes().await {
            Ok(body) if body.len() <= MOST => told(&body),
            _ => Told::default(),
        };
        // Azure says it there, as an answer to HEAD has no body.
        if let Some(code) = headers.get("x-ms-error-code")
            && told.code.is_empty()
        {
            told.code = code.to_str().unwrap_or_default().to_owned();
        }
        Self::of_status(status, wait, &told)
    }

    fn of_status(status: StatusCode, wait: Option<Duration>, told: &Told) -> Self {
        let code = &told.code;
        // On one line, and without what Azure adds for its own support.
        let message = told.message.lines().next().unwrap_or_default();
        let message: String = message.chars().take(MESSAGE).collect();
        let what = match (code.as_str(), message.as_str()) {
            ("", _) => format!("the server answers {status}"),
            (code, "") => format!("the store answers {} {code}", status.as_u16()),
            (code, message) => format!("the store answers {} {code}: {message}", status.as_u16()),
        };
        let busy = matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502..=504)
            || matches!(
                code.as_str(),
                "SlowDown" | "RequestTimeout" | "InternalError"
            );
        match status.as_u16() {
            _ if busy => Self::Passing { reason: what, wait },
            _ if code == "InvalidObjectState" || code == "BlobArchived" => {
                let reason = format!("is archived and must be restored first ({code})");
                Self::Final(ObjectError::Unusable(reason))
            }
            404 => Self::Absent(told.code.clone()),
            409 => Self::Exists,
            412 => Self::Condition,
            401 | 403 => Self::fatal(format!(
                "{what}; check the credentials and what they allow (docs/object-storage.md)"
            )),
            416 => Self::Condition,
            _ => Self::fatal(what),
        }
    }
}

fn told(body: &[u8]) -> Told {
    let text = String::from_utf8_lossy(body);
    quick_xml::de::from_str(&text).unwrap_or_default()
}

/// An error with what caused it, in one line.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_code_and_message_is_told() {
        let body = b"<?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code>\
            <Message>It does not match.</Message><AWSAccessKeyId>AKIASECRET</AWSAccessKeyId>\
            <StringToSign>hush</StringToSign></Error>";
        let failure = Failure::of_status(StatusCode::FORBIDDEN, None, &told(body));
        let Failure::Final(error) = failure else {
            panic!("{failure:?}");
        };
        let text = error.to_string();
        assert!(
            text.starts_with("the store answers 403 SignatureDoesNotMatch: It does not match.")
        );
        assert!(!text.contains("AKIASECRET") && !text.contains("hush"));
    }

    #[test]
    fn some_answers_are_worth_another_try() {
        let of = |status: u16, code: &str| {
            let told = Told {
                code: code.into(),
                message: String::new(),
            };
            Failure::of_status(StatusCode::from_u16(status).unwrap(), None, &told)
        };
        for (status, code) in [
            (429, ""),
            (503, "SlowDown"),
            (500, ""),
            (400, "RequestTimeout"),
        ] {
            assert!(
                matches!(of(status, code), Failure::Passing { .. }),
                "{status} {code}"
            );
        }
        assert!(matches!(of(404, "NoSuchKey"), Failure::Absent(_)));
        assert!(matches!(
            of(403, "InvalidObjectState"),
            Failure::Final(ObjectError::Unusable(_))
        ));
        assert!(matches!(
            of(403, "AccessDenied"),
            Failure::Final(ObjectError::Failed(_))
        ));
    }
}
