//! A bucket, or a web server: the way to it, and what is known of it.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use gristmill_input::ObjectError;
use object_store::client::{HttpClient, HttpConnector, ReqwestConnector};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::access::{self, Access, REGION, Way};
use crate::environment::Environment;
use crate::error::causes;
use crate::url::{Named, Scheme};

/// What is not encoded in a path, as signatures want it.
const IN_PATH: &AsciiSet = &IN_QUERY.remove(b'/');
/// The same in a query.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A bucket.
pub(crate) struct Bucket {
    /// As it is shown: scheme and name.
    name: String,
    scheme: Scheme,
    /// The URL that keys are appended to, without a slash at its end; [`REGION`] stands for the
    /// region.
    base: String,
    pub(crate) access: Access,
    pub(crate) client: HttpClient,
    /// It has answered a request, whatever the answer.
    answered: AtomicBool,
}

impl fmt::Debug for Bucket {
    /// Its name alone: the rest may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Bucket {
    /// The bucket that a URL is about; asks for nothing yet.
    ///
    /// # Errors
    /// When the environment's settings make no sense.
    pub(crate) fn of(named: &Named, environment: &Environment) -> Result<Self, ObjectError> {
        let bucket = named
            .place
            .split_once("://")
            .map_or("", |(_, bucket)| bucket);
        let (access, base, options): Way = match named.scheme {
            Scheme::S3 => access::s3(bucket, environment)?,
            Scheme::Google => access::google(bucket, environment)?,
            Scheme::Azure => access::azure(bucket, environment)?,
            Scheme::Web => access::web(&named.place),
        };
        let client = ReqwestConnector::default().connect(&options);
        Ok(Self {
            name: named.place.clone(),
            scheme: named.scheme,
            base,
            access,
            client: client.map_err(|error| ObjectError::Failed(causes(&error)))?,
            answered: AtomicBool::new(false),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }

    fn base(&self) -> Cow<'_, str> {
        match self.access.region() {
            Some(region) if self.base.contains(REGION) => self.base.replace(REGION, &region).into(),
            _ => Cow::Borrowed(&self.base),
        }
    }

    /// The URL of a key.
    pub(crate) fn url_of(&self, key: &str) -> String {
        match self.scheme {
            // As it was typed.
            Scheme::Web => format!("{}/{key}", self.base()),
            _ => format!("{}/{}", self.base(), utf8_percent_encode(key, IN_PATH)),
        }
    }

    /// The URL of a question about a key.
    pub(crate) fn url_of_with(&self, key: &str, query: &[(&str, &str)]) -> String {
        format!("{}?{}", self.url_of(key), query_of(query))
    }

    /// The URL of a question about the bucket.
    pub(crate) fn url_with(&self, query: &[(&str, &str)]) -> String {
        format!("{}?{}", self.base(), query_of(query))
    }

    /// Whether it has answered before.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    pub(crate) fn answers(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    /// It was found to be in this region.
    pub(crate) fn is_in(&self, region: String) {
        self.access.is_in(region);
    }
}

fn query_of(query: &[(&str, &str)]) -> String {
    let query: Vec<String> = (query.iter())
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, IN_QUERY)))
        .collect();
    query.join("&")
}

/// Why a key cannot be asked for, if it cannot.
pub(crate) fn unspeakable(key: &str) -> Option<String> {
    let dots = key.split('/').any(|part| part == "." || part == "..");
    dots.then(|| {
        "its key has a part that is . or .., which a URL cannot carry: copy the object to another key"
            .into()
    })
}
