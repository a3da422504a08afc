//! Listing a bucket, page by page.

use bytes::Bytes;
use gristmill_input::ObjectError;
use http::Method;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::bucket::Bucket;
use crate::error::Failure;
use crate::tries::Tries;
use crate::url::Scheme;

/// One object of a listing.
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) size: u64,
    pub(crate) version: String,
}

/// One page, as S3's and Google's stores write it (ListObjectsV2).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Page {
    contents: Vec<Entry>,
    is_truncated: bool,
    next_continuation_token: Option<String>,
    encoding_type: Option<String>,
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

/// Calls `take` for each object whose key begins with `prefix`, in the store's order.
///
/// # Errors
/// When the bucket cannot be listed.
pub(crate) async fn list(
    bucket: &Bucket,
    prefix: &str,
    take: &mut dyn FnMut(Listed),
) -> Result<(), ObjectError> {
    let mut token: Option<String> = None;
    loop {
        let next = match bucket.scheme() {
            Scheme::Azure => azure_page(bucket, prefix, token.as_deref(), take).await?,
            _ => s3_page(bucket, prefix, token.as_deref(), take).await?,
        };
        match next {
            None => return Ok(()),
            Some(next) if Some(&next) != token.as_ref() => token = Some(next),
            Some(_) => {
                let reason = "the store's listing does not go on";
                return Err(ObjectError::Failed(reason.into()));
            }
        }
    }
}

/// Takes one page, and returns what the next one is asked with.
async fn s3_page(
    bucket: &Bucket,
    prefix: &str,
    token: Option<&str>,
    take: &mut dyn FnMut(Listed),
) -> Result<Option<String>, ObjectError> {
    let mut query = vec![
        ("encoding-type", "url"),
        ("list-type", "2"),
        ("prefix", prefix),
    ];
    if let Some(token) = token {
        query.insert(0, ("continuation-token", token));
    }
    let page: Page = page(bucket, &query).await?;
    let encoded = page.encoding_type.as_deref() == Some("url");
    for entry in page.contents {
        let version = match entry.e_tag.is_empty() {
            true => entry.last_modified,
            false => entry.e_tag,
        };
        let key = match encoded {
            true => decoded(&entry.key.replace('+', " "))?,
            false => entry.key,
        };
        take(Listed {
            key,
            size: entry.size,
            version,
        });
    }
    match (page.is_truncated, page.next_continuation_token) {
        (false, _) => Ok(None),
        (true, Some(next)) => Ok(Some(next)),
        (true, None) => {
            let reason = "the store's listing does not say how it goes on";
            Err(ObjectError::Failed(reason.into()))
        }
    }
}

/// The same of Azure's store.
async fn azure_page(
    bucket: &Bucket,
    prefix: &str,
    token: Option<&str>,
    take: &mut dyn FnMut(Listed),
) -> Result<Option<String>, ObjectError> {
    let mut query = vec![
        ("comp", "list"),
        ("prefix", prefix),
        ("restype", "container"),
    ];
    if let Some(token) = token {
        query.push(("marker", token));
    }
    let page: AzurePage = page(bucket, &query).await?;
    for blob in page.blobs.blob {
        if blob.properties.what == "directory" {
            continue;
        }
        // Answers have it quoted.
        let tag = blob.properties.e_tag;
        take(Listed {
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
    Ok(page.next_marker.filter(|marker| !marker.is_empty()))
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
