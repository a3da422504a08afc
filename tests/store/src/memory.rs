//! What the server keeps, and what it does when it is asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use gristmill_common::id::content_hash;
use parking_lot::Mutex;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};

/// Objects by their keys.
type Bucket = BTreeMap<String, Bytes>;
/// What clients say of an object.
type Marks = BTreeMap<(String, String), Option<Metadata>>;

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) buckets: BTreeMap<String, Bucket>,
    /// Parts by their numbers, of uploads by their names.
    pub(crate) uploads: BTreeMap<String, BTreeMap<i32, Bytes>>,
    pub(crate) ignores_conditions: bool,
    marks: Marks,
    next_upload: u64,
}

#[derive(Debug)]
pub(crate) struct Memory(pub(crate) Arc<Mutex<State>>);

impl Memory {
    fn object(&self, bucket: &str, key: &str) -> S3Result<Bytes> {
        let state = self.0.lock();
        let bucket = state
            .buckets
            .get(bucket)
            .ok_or_else(|| s3_error!(NoSuchBucket))?;
        bucket.get(key).cloned().ok_or_else(|| s3_error!(NoSuchKey))
    }

    /// What was said of an object, or of an upload.
    fn mark(&self, bucket: &str, key: &str) -> Option<Metadata> {
        let place = (bucket.to_owned(), key.to_owned());
        self.0.lock().marks.get(&place).cloned().flatten()
    }

    /// Keeps an object, if nothing is in its place or that does not matter.
    fn keep(&self, bucket: &str, key: String, content: Bytes, only_new: bool) -> S3Result<ETag> {
        let mut state = self.0.lock();
        let only_new = only_new && !state.ignores_conditions;
        let bucket = state
            .buckets
            .get_mut(bucket)
            .ok_or_else(|| s3_error!(NoSuchBucket))?;
        if only_new && bucket.contains_key(&key) {
            return Err(s3_error!(PreconditionFailed));
        }
        let tag = tag_of(&content);
        bucket.insert(key, content);
        Ok(tag)
    }
}

fn tag_of(content: &[u8]) -> ETag {
    format!("\"{:016x}\"", content_hash(content))
}

async fn whole(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let mut whole = BytesMut::new();
    if let Some(mut body) = body {
        while let Some(bytes) = body.next().await {
            whole.extend_from_slice(&bytes.map_err(|_| s3_error!(IncompleteBody))?);
        }
    }
    Ok(whole.freeze())
}

fn length(content: &[u8]) -> Option<i64> {
    i64::try_from(content.len()).ok()
}

#[async_trait::async_trait]
impl S3 for Memory {
    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let content = self.object(&input.bucket, &input.key)?;
        let tag = tag_of(&content);
        if input.if_match.is_some_and(|wanted| wanted != tag) {
            return Err(s3_error!(PreconditionFailed));
        }
        let size = content.len() as u64;
        let (range, content_range) = match input.range {
            None => (0..size, None),
            Some(range) => {
                let range = range.check(size)?;
                let told = format!("bytes {}-{}/{size}", range.start, range.end - 1);
                (range, Some(told))
            }
        };
        let content = content.slice(range.start as usize..range.end as usize);
        Ok(S3Response::new(GetObjectOutput {
            content_length: length(&content),
            content_range,
            e_tag: Some(tag),
            body: Some(StreamingBlob::from(Body::from(content))),
            ..Default::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let content = self.object(&request.input.bucket, &request.input.key)?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: length(&content),
            e_tag: Some(tag_of(&content)),
            metadata: self.mark(&request.input.bucket, &request.input.key),
            ..Default::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        let state = self.0.lock();
        let bucket = state
            .buckets
            .get(&input.bucket)
            .ok_or_else(|| s3_error!(NoSuchBucket))?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let most = input.max_keys.unwrap_or(1000).clamp(0, 1000) as usize;
        let after = input.continuation_token.clone();
        let from = after.as_ref().unwrap_or(&prefix).clone();
        let encode = |key: &str| match input.encoding_type {
            // As Amazon does.
            Some(_) => (utf8_percent_encode(key, NON_ALPHANUMERIC).to_string()).replace("%20", "+"),
            None => key.to_owned(),
        };
        // A folder's keys stand together: it is told once, as one of the page's entries.
        let folder = |key: &str| {
            let end = key[prefix.len()..].find(input.delimiter.as_deref()?)?;
            Some(key[..=prefix.len() + end].to_owned())
        };
        let (mut contents, mut folders) = (Vec::new(), Vec::new());
        let (mut last, mut more) = (after.clone(), false);
        for (key, content) in bucket.range(from..) {
            if !key.starts_with(&prefix) {
                break;
            }
            let folder = folder(key);
            let entry = folder.as_ref().unwrap_or(key).clone();
            if last.as_ref() == Some(&entry) {
                continue;
            }
            if contents.len() + folders.len() == most {
                more = true;
                break;
            }
            match folder {
                None => contents.push(Object {
                    key: Some(encode(key)),
                    size: length(content),
                    e_tag: Some(tag_of(content)),
                    ..Default::default()
                }),
                Some(folder) => folders.push(CommonPrefix {
                    prefix: Some(encode(&folder)),
                }),
            }
            last = Some(entry);
        }
        Ok(S3Response::new(ListObjectsV2Output {
            contents: Some(contents),
            common_prefixes: Some(folders),
            encoding_type: input.encoding_type,
            is_truncated: Some(more),
            next_continuation_token: last.filter(|_| more),
            ..Default::default()
        }))
    }

    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        let content = whole(input.body).await?;
        let only_new = input.if_none_match.is_some();
        let tag = self.keep(&input.bucket, input.key.clone(), content, only_new)?;
        let place = (input.bucket, input.key);
        self.0.lock().marks.insert(place, input.metadata);
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(tag),
            ..Default::default()
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let mut state = self.0.lock();
        if let Some(bucket) = state.buckets.get_mut(&request.input.bucket) {
            bucket.remove(&request.input.key);
        }
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let mut state = self.0.lock();
        if !state.buckets.contains_key(&request.input.bucket) {
            return Err(s3_error!(NoSuchBucket));
        }
        state.next_upload += 1;
        let name = format!("upload-{}", state.next_upload);
        let place = (String::new(), name.clone());
        state.marks.insert(place, request.input.metadata);
        state.uploads.insert(name.clone(), BTreeMap::new());
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(request.input.bucket),
            key: Some(request.input.key),
            upload_id: Some(name),
            ..Default::default()
        }))
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let input = request.input;
        let content = whole(input.body).await?;
        let tag = tag_of(&content);
        let mut state = self.0.lock();
        let upload = state.uploads.get_mut(&input.upload_id);
        upload
            .ok_or_else(|| s3_error!(NoSuchUpload))?
            .insert(input.part_number, content);
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(tag),
            ..Default::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = request.input;
        let parts = self.0.lock().uploads.remove(&input.upload_id);
        let parts = parts.ok_or_else(|| s3_error!(NoSuchUpload))?;
        let mut content = BytesMut::new();
        for part in input
            .multipart_upload
            .and_then(|upload| upload.parts)
            .unwrap_or_default()
        {
            let part = part.part_number.and_then(|number| parts.get(&number));
            content.extend_from_slice(part.ok_or_else(|| s3_error!(InvalidPart))?);
        }
        let only_new = input.if_none_match.is_some();
        let tag = self.keep(&input.bucket, input.key.clone(), content.freeze(), only_new)?;
        let mark = self.mark("", &input.upload_id);
        let place = (input.bucket.clone(), input.key.clone());
        self.0.lock().marks.insert(place, mark);
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(tag),
            ..Default::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.0.lock().uploads.remove(&request.input.upload_id);
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}
