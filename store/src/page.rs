//! One page of a bucket's listing: how it is asked for, and what it says. It must not know what
//! becomes of the objects.

use bytes::Bytes;
use gristmill_input::ObjectError;
use http::Method;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::bucket::Bucket;
use crate::error::Failure;
use crate::tries::Tries;

/// One object of a listing.
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) size: u64,
    pub(crate) version: String,
}

/// One page, as S3's and Google's stores write it (ListObjectsV2).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Page {
    contents: Vec<Entry>,
    common_prefixes: Vec<Folder>,
    is_truncated: bool,
    next_continuation_token: Option<String>,
    encoding_type: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Folder {
    prefix: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    key: String,
    size: u64,
    #[serde(rename = "ETag", default)]
    e_tag: String,
    #[serde(default)]
    last_modified: String,
}

/// One page, as Azure's store writes it (List Blobs).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct AzurePage {
    blobs: Blobs,
    next_marker: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Blobs {
    blob: Vec<Blob>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Blob {
    name: Name,
    properties: Properties,
}

/// A name; one that XML cannot hold is encoded.
#[derive(Debug, Deserialize)]
struct Name {
    #[serde(rename = "@Encoded", default)]
    encoded: bool,
    #[serde(rename = "$text", default)]
    text: String,
}

#[derive(Debug, Deserialize)]
struct Properties {
    #[serde(rename = "Content-Length", default)]
    size: u64,
    #[serde(rename = "Etag", default)]
    e_tag: String,
    /// `directory` for a folder, in accounts that have such.
    #[serde(rename = "ResourceType", default)]
    what: String,
}

/// The objects of a page, and what the next one is asked with.
pub(crate) type Objects = (Vec<Listed>, Option<String>);

/// One page of an S3 or Google store, folders and all that is in them.
pub(crate) async fn s3_page(
    bucket: &Bucket,
    prefix: &str,
    token: Option<&str>,
) -> Result<Objects, ObjectError> {
    s3_answer(bucket, prefix, token, false).await?.objects()
}

/// One page; with `folders` what is in folders is left out, and they are told.
pub(crate) async fn s3_answer(
    bucket: &Bucket,
    prefix: &str,
    token: Option<&str>,
    folders: bool,
) -> Result<Page, ObjectError> {
    let mut query = Vec::new();
    if let Some(token) = token {
        query.push(("continuation-token", token));
    }
    // In the order that signatures want.
    if folders {
        query.push(("delimiter", "/"));
    }
    query.extend([
        ("encoding-type", "url"),
        ("list-type", "2"),
        ("prefix", prefix),
    ]);
    page(bucket, &query).await
}

impl Page {
    fn key(&self, key: &str) -> Result<String, ObjectError> {
        match self.encoding_type.as_deref() == Some("url") {
            true => decoded(&key.replace('+', " ")),
            false => Ok(key.to_owned()),
        }
    }

    pub(crate) fn folders(&self) -> Result<Vec<String>, ObjectError> {
        let folders = self.common_prefixes.iter();
        folders.map(|folder| self.key(&folder.prefix)).collect()
    }

    pub(crate) fn objects(mut self) -> Result<Objects, ObjectError> {
        let contents = std::mem::take(&mut self.contents);
        let objects = contents.into_iter().map(|entry| {
            Ok(Listed {
                key: self.key(&entry.key)?,
                size: entry.size,
                version: match entry.e_tag.is_empty() {
                    true => entry.last_modified,
                    false => entry.e_tag,
                },
            })
        });
        let objects = objects.collect::<Result<_, ObjectError>>()?;
        match (self.is_truncated, self.next_continuation_token) {
            (false, _) => Ok((objects, None)),
            (true, Some(next)) => Ok((objects, Some(next))),
            (true, None) => {
                let reason = "the store's listing does not say how it goes on";
                Err(ObjectError::Failed(reason.into()))
            }
        }
    }
}

/// One page of Azure's store.
pub(crate) async fn azure_page(
    bucket: &Bucket,
    prefix: &str,
    token: Option<&str>,
) -> Result<Objects, ObjectError> {
    let mut query = vec![
        ("comp", "list"),
        ("prefix", prefix),
        ("restype", "container"),
    ];
    if let Some(token) = token {
        query.push(("marker", token));
    }
    let page: AzurePage = page(bucket, &query).await?;
    let mut objects = Vec::new();
    for blob in page.blobs.blob {
        if blob.properties.what == "directory" {
            continue;
        }
        // Answers have it quoted.
        let tag = blob.properties.e_tag;
        objects.push(Listed {
            key: match blob.name.encoded {
                true => decoded(&blob.name.text)?,
                false => blob.name.text,
            },
            size: blob.properties.size,
            version: match tag.starts_with('"') || tag.is_empty() {
                true => tag,
                false => format!("\"{tag}\""),
            },
        });
    }
    let next = page.next_marker.filter(|marker| !marker.is_empty());
    Ok((objects, next))
}

async fn page<P: DeserializeOwned>(
    bucket: &Bucket,
    query: &[(&str, &str)],
) -> Result<P, ObjectError> {
    let mut tries = Tries::new(bucket);
    loop {
        match ask(bucket, &bucket.url_with(query)).await {
            Ok(page) => return Ok(page),
            Err(failure) => tries.again(failure).await?,
        }
    }
}

async fn ask<P: DeserializeOwned>(bucket: &Bucket, url: &str) -> Result<P, Failure> {
    let answer = bucket.send(Method::GET, url, &[], Bytes::new()).await?;
    let body = Bucket::body(answer).await?;
    let text = std::str::from_utf8(&body).map_err(|_| Failure::passing(NO_LISTING))?;
    quick_xml::de::from_str(text).map_err(|_| Failure::passing(NO_LISTING))
}

const NO_LISTING: &str = "the store's answer is no listing";

/// A key that a listing has encoded.
fn decoded(key: &str) -> Result<String, ObjectError> {
    let decoded = percent_decode_str(key).decode_utf8();
    let decoded = decoded.map_err(|_| ObjectError::Failed("a key of it is not UTF-8".into()))?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_as_they_are() {
        assert_eq!(decoded("a%0Ab c%2B%C3%A4//%2E./").unwrap(), "a\nb c+ä//../");
        assert!(decoded("%FF").is_err());
        let text = "<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>\
            <Contents><Key>a</Key><ETag>&quot;1&quot;</ETag><Size>3</Size></Contents>\
            <Contents><Size>0</Size><Key>b</Key></Contents></ListBucketResult>";
        let page: Page = quick_xml::de::from_str(text).unwrap();
        assert_eq!(page.contents[0].e_tag, "\"1\"");
        assert_eq!((&page.contents[1].key[..], page.contents[1].size), ("b", 0));
        let text = "<EnumerationResults><Blobs><Blob><Name>a b</Name><Properties><Etag>0x1</Etag>\
            <Content-Length>7</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob>\
            <Blob><Name Encoded=\"true\">c%07</Name><Properties/></Blob></Blobs><NextMarker/>\
            </EnumerationResults>";
        let page: AzurePage = quick_xml::de::from_str(text).unwrap();
        let blobs = page.blobs.blob;
        assert_eq!(
            (&blobs[0].name.text[..], blobs[0].properties.size),
            ("a b", 7)
        );
        assert!(blobs[1].name.encoded && page.next_marker.unwrap_or_default().is_empty());
        let page: Page = quick_xml::de::from_str("<ListBucketResult/>").unwrap();
        assert!(page.contents.is_empty() && !page.is_truncated);
    }
}
