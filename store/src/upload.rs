//! Putting objects where there are none: at once, or in parts.

use std::fs::File;
use std::future::Future;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use gristmill_common::id::content_hash;
use gristmill_input::ObjectError;
use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderName, Method};
use serde::Deserialize;

use crate::bucket::Bucket;
use crate::error::Failure;
use crate::tries::Tries;

/// A file of more than this goes in parts of this size, in bytes.
const PART: u64 = 8 << 20;
/// The most parts that a store takes.
const MOST_PARTS: u64 = 10_000;
/// Parts on their way at a time: so much memory.
const FLYING: usize = 4;
/// Says whose an object is: an answer that was lost is asked for again, and then it is there.
const MARK: HeaderName = HeaderName::from_static("x-amz-meta-gristmill");

/// Why an object was not put.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// There is one of this name.
    #[error("it is there already")]
    Exists,
    /// A stop was asked for.
    #[error("stopped")]
    Stopped,
    /// The file cannot be read.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// The store does not take it.
    #[error("{0}")]
    Store(#[from] ObjectError),
}

/// What is put.
pub(crate) enum Content {
    Bytes(Bytes),
    File { file: File, size: u64 },
}

impl Content {
    pub(crate) fn of_file(path: &Path) -> Result<Self, PutError> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(Self::File { file, size })
    }

    fn size(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File { size, .. } => *size,
        }
    }

    /// A stretch of it.
    fn part(&self, start: u64, end: u64) -> Result<Bytes, PutError> {
        match self {
            Content::Bytes(bytes) => Ok(bytes.slice(start as usize..end as usize)),
            Content::File { file, .. } => {
                let mut part = vec![0; (end - start) as usize];
                file.read_exact_at(&mut part, start)?;
                Ok(part.into())
            }
        }
    }
}

/// Puts an object where there is none. After `stop`, what was put of it is taken away.
pub(crate) async fn put(
    bucket: &Bucket,
    key: &str,
    content: &Content,
    stop: impl Future<Output = ()>,
) -> Result<(), PutError> {
    let mark = mark();
    let size = content.size();
    if size <= PART {
        let put = put_whole(bucket, key, content.part(0, size)?, &mark);
        return tokio::select! {
            put = put => put,
            () = stop => Err(PutError::Stopped),
        };
    }
    let upload = begin(bucket, key, &mark).await?;
    let ended = tokio::select! {
        ended = put_parts(bucket, key, content, &upload, &mark) => ended,
        () = stop => Err(PutError::Stopped),
    };
    if ended.is_err() {
        // What is left of an upload costs money. That it cannot be taken away either is no news.
        let url = bucket.url_of_with(key, &[("uploadId", &upload)]);
        let _ = bucket.send(Method::DELETE, &url, &[], Bytes::new()).await;
    }
    ended
}

/// Removes an object.
pub(crate) async fn remove(bucket: &Bucket, key: &str) -> Result<(), ObjectError> {
    let url = bucket.url_of(key);
    let mut tries = Tries::new(bucket);
    loop {
        match bucket.send(Method::DELETE, &url, &[], Bytes::new()).await {
            Ok(_) | Err(Failure::Absent(_)) => return Ok(()),
            Err(failure) => tries.again(failure).await?,
        }
    }
}

async fn put_whole(bucket: &Bucket, key: &str, content: Bytes, mark: &str) -> Result<(), PutError> {
    let url = bucket.url_of(key);
    let headers = [(IF_NONE_MATCH, "*"), (MARK, mark)];
    let mut tries = Tries::new(bucket);
    loop {
        match bucket
            .send(Method::PUT, &url, &headers, content.clone())
            .await
        {
            Ok(_) => return Ok(()),
            Err(Failure::Condition | Failure::Exists) => return is_ours(bucket, key, mark).await,
            Err(failure) => tries.again(failure).await?,
        }
    }
}

/// Whether the object that is there is the one of this mark.
async fn is_ours(bucket: &Bucket, key: &str, mark: &str) -> Result<(), PutError> {
    let url = bucket.url_of(key);
    let mut tries = Tries::new(bucket);
    loop {
        match bucket.send(Method::HEAD, &url, &[], Bytes::new()).await {
            Ok(answer) => {
                let found = answer
                    .headers()
                    .get(MARK)
                    .and_then(|found| found.to_str().ok());
                return match found == Some(mark) {
                    true => Ok(()),
                    false => Err(PutError::Exists),
                };
            }
            Err(Failure::Absent(_)) => return Err(PutError::Exists),
            Err(failure) => tries.again(failure).await?,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Begun {
    upload_id: String,
}

async fn begin(bucket: &Bucket, key: &str, mark: &str) -> Result<String, PutError> {
    let url = bucket.url_of_with(key, &[("uploads", "")]);
    let mut tries = Tries::new(bucket);
    loop {
        let begun = async {
            let answer = bucket
                .send(Method::POST, &url, &[(MARK, mark)], Bytes::new())
                .await?;
            let body = Bucket::body(answer).await?;
            let begun: Begun = quick_xml::de::from_str(&String::from_utf8_lossy(&body))
                .map_err(|_| Failure::passing("the store's answer names no upload"))?;
            Ok(begun.upload_id)
        };
        match begun.await {
            Ok(upload) => return Ok(upload),
            Err(failure) => tries.again(failure).await?,
        }
    }
}

async fn put_parts(
    bucket: &Bucket,
    key: &str,
    content: &Content,
    upload: &str,
    mark: &str,
) -> Result<(), PutError> {
    let size = content.size();
    let part = PART.max(size.div_ceil(MOST_PARTS));
    let starts = (0..size.div_ceil(part)).map(|number| number * part);
    let puts = starts.map(|start| {
        let end = (start + part).min(size);
        put_part(bucket, key, content, upload, start / part + 1, start..end)
    });
    let tags: Vec<String> = stream::iter(puts).buffered(FLYING).try_collect().await?;
    let parts: String = (tags.iter().zip(1..))
        .map(|(tag, number): (&String, u64)| {
            let tag = quick_xml::escape::escape(tag.as_str());
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>")
        })
        .collect();
    let body = Bytes::from(format!(
        "<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"
    ));
    let url = bucket.url_of_with(key, &[("uploadId", upload)]);
    let mut tries = Tries::new(bucket);
    loop {
        let completed = async {
            let headers = [(IF_NONE_MATCH, "*")];
            let answer = bucket
                .send(Method::POST, &url, &headers, body.clone())
                .await?;
            // The answer begins before it is known how it ends.
            let told = Bucket::body(answer).await?;
            match String::from_utf8_lossy(&told).contains("<Error>") {
                true => Err(Failure::passing("the store could not complete an upload")),
                false => Ok(()),
            }
        };
        match completed.await {
            Ok(()) => return Ok(()),
            Err(Failure::Condition | Failure::Exists | Failure::Absent(_)) => {
                return is_ours(bucket, key, mark).await;
            }
            Err(failure) => tries.again(failure).await?,
        }
    }
}

async fn put_part(
    bucket: &Bucket,
    key: &str,
    content: &Content,
    upload: &str,
    number: u64,
    range: std::ops::Range<u64>,
) -> Result<String, PutError> {
    let bytes = content.part(range.start, range.end)?;
    let number = number.to_string();
    let url = bucket.url_of_with(key, &[("partNumber", &number), ("uploadId", upload)]);
    let mut tries = Tries::new(bucket);
    loop {
        match bucket.send(Method::PUT, &url, &[], bytes.clone()).await {
            Ok(answer) => {
                let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
                let tag = tag.ok_or_else(|| ObjectError::Failed("the store names no part".into()));
                return Ok(tag?.to_owned());
            }
            Err(failure) => tries.again(failure).await?,
        }
    }
}

/// A mark that nobody else has.
fn mark() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let told = format!("{:?} {}", now, std::process::id());
    format!("{:016x}", content_hash(told.as_bytes()))
}
