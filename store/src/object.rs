//! One version of an object, and reading a part of it.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use gristmill_input::{Object, ObjectError, ObjectStream};
use http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, IF_MATCH, LAST_MODIFIED, RANGE,
};
use http::{Method, StatusCode};

use crate::bucket::Bucket;
use crate::error::Failure;
use crate::ranges::Ranges;
use crate::tries::{Tries, absent};
use crate::url::Scheme;

/// One version of an object. There may be millions: no byte too many.
#[derive(Clone, Debug)]
pub(crate) struct StoredObject {
    pub(crate) bucket: Arc<Bucket>,
    pub(crate) key: Box<str>,
    pub(crate) size: u64,
    pub(crate) version: Box<str>,
}

impl Object for StoredObject {
    fn size(&self) -> u64 {
        self.size
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn is_named(&self) -> bool {
        self.bucket.scheme() != Scheme::Web || !self.key.contains('?')
    }

    fn open(&self, range: Range<u64>) -> Box<dyn ObjectStream> {
        let end = range.end.min(self.size);
        // The tasks that read it share it.
        let object = Arc::new(self.clone());
        Box::new(Ranges::new(object, range.start.min(end)..end))
    }
}

impl StoredObject {
    /// What a key names now; none if there is no such object.
    ///
    /// # Errors
    /// When it cannot be found out.
    pub(crate) async fn find(bucket: &Arc<Bucket>, key: &str) -> Result<Option<Self>, ObjectError> {
        let mut tries = Tries::new(bucket);
        loop {
            match Self::ask(bucket, key).await {
                Ok(object) => return Ok(Some(object)),
                Err(Failure::Absent(code)) if code == "ContainerNotFound" => {
                    return Err(ObjectError::Failed(absent(&code)));
                }
                Err(Failure::Absent(_)) => return Ok(None),
                Err(failure) => tries.again(failure).await?,
            }
        }
    }

    async fn ask(bucket: &Arc<Bucket>, key: &str) -> Result<Self, Failure> {
        let url = bucket.url_of(key);
        // A signed URL is good for GET alone.
        let (method, range) = match bucket.scheme() {
            Scheme::Web => (Method::GET, &[(RANGE, "bytes=0-0")][..]),
            _ => (Method::HEAD, &[][..]),
        };
        let answer = match bucket.send(method, &url, range, Bytes::new()).await {
            // Nothing has no first byte.
            Err(Failure::Condition) => bucket.send(Method::GET, &url, &[], Bytes::new()).await?,
            other => other?,
        };
        let headers = answer.headers();
        let size = match (bucket.scheme(), answer.status()) {
            (Scheme::Web, StatusCode::PARTIAL_CONTENT) => text(headers, &CONTENT_RANGE)
                .and_then(of_range)
                .map(|(_, size)| size),
            (Scheme::Web, _) => match text(headers, &CONTENT_LENGTH) {
                Some("0") => Some(0),
                _ => return Err(Failure::fatal(NO_RANGES)),
            },
            _ => text(headers, &CONTENT_LENGTH).and_then(|size| size.parse().ok()),
        };
        Ok(Self {
            bucket: Arc::clone(bucket),
            key: key.into(),
            size: size.ok_or_else(|| Failure::fatal("the server does not say how large it is"))?,
            version: version_of(headers).into(),
        })
    }

    /// A stretch of its bytes, whole.
    ///
    /// # Errors
    /// When the object has changed, or cannot be had.
    pub(crate) async fn part(&self, range: Range<u64>) -> Result<Vec<u8>, ObjectError> {
        let want = (range.end - range.start) as usize;
        let mut got = Vec::with_capacity(want);
        let mut tries = Tries::new(&self.bucket);
        while got.len() < want {
            let before = got.len();
            let asked = self.rest(&range, want, &mut got).await;
            if got.len() > before {
                tries.progressed();
            }
            match asked {
                Ok(()) => {}
                Err(Failure::Absent(_)) => return Err(changed("it is gone")),
                Err(Failure::Condition) => return Err(changed("it is another version")),
                Err(failure) => tries.again(failure).await?,
            }
        }
        Ok(got)
    }

    /// Asks for what is missing of a stretch.
    async fn rest(
        &self,
        range: &Range<u64>,
        want: usize,
        got: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let start = range.start + got.len() as u64;
        let asked = format!("bytes={start}-{}", range.end - 1);
        let mut headers = vec![(RANGE, &asked[..])];
        // A weak tag never matches (RFC 9110, 13.1.1).
        if self.version.starts_with('"') {
            headers.push((IF_MATCH, &self.version));
        }
        let url = self.bucket.url_of(&self.key);
        let answer = (self.bucket).send(Method::GET, &url, &headers, Bytes::new());
        let answer = answer.await?;
        self.check(answer.status(), answer.headers(), start)?;
        let mut body = answer.into_body().bytes_stream();
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(|error| Failure::of_transport(&error))?;
            let room = want - got.len();
            got.extend_from_slice(&bytes[..room.min(bytes.len())]);
            if bytes.len() > room {
                break;
            }
        }
        match got.len() < want {
            true => Err(Failure::passing(format!(
                "the answer breaks off at byte {}",
                range.start + got.len() as u64
            ))),
            false => Ok(()),
        }
    }

    /// Whether an answer is of this version, and begins where it was asked to.
    fn check(&self, status: StatusCode, headers: &HeaderMap, start: u64) -> Result<(), Failure> {
        let now = version_of(headers);
        if !self.version.is_empty() && !now.is_empty() && *now != *self.version {
            return Err(Failure::Condition);
        }
        if status != StatusCode::PARTIAL_CONTENT {
            // The whole is as good as a range that begins with its first byte.
            let whole = text(headers, &CONTENT_LENGTH) == Some(&self.size.to_string());
            return match start == 0 && whole {
                true => Ok(()),
                false => Err(Failure::fatal(NO_RANGES)),
            };
        }
        match text(headers, &CONTENT_RANGE).and_then(of_range) {
            Some((first, size)) if first == start && size == self.size => Ok(()),
            Some((first, _)) if first == start => Err(Failure::Condition),
            _ => Err(Failure::fatal(
                "the server's answer is of another range than was asked for",
            )),
        }
    }
}

const NO_RANGES: &str = "the server serves no ranges of it; send it through a pipe instead: \
                         curl --fail URL | gristmill run … -";

fn changed(what: &str) -> ObjectError {
    ObjectError::Changed(format!("{what} since the job was planned"))
}

/// What tells a version, of an answer's headers.
fn version_of(headers: &HeaderMap) -> &str {
    text(headers, &ETAG)
        .or_else(|| text(headers, &LAST_MODIFIED))
        .unwrap_or_default()
}

fn text<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// The first byte and the size of the whole, of `bytes 0-9/100`.
fn of_range(text: &str) -> Option<(u64, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.trim().parse().ok()?, size.trim().parse().ok()?))
}
