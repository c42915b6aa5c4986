//! Which form of a file, and of an answer of the API, a request gets.

use std::io::{Read, Write};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use reqwest::{Method, Response};
use tempfile::TempDir;

use super::{MODULE, SCRIPT, SOURCE, folder, get_with, header, request_with, serve, write};

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// One uncompressed block (RFC 7932 9.2): a window of 16 bits, not the last one, its length, then the empty last block.
fn brotli(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() - 1).unwrap();
    let head = (length << 4 | 1 << 20).to_le_bytes();
    [&head[..3], content, &[3]].concat()
}

async fn gunzipped(response: Response) -> Vec<u8> {
    let mut content = Vec::new();
    let body = response.bytes().await.unwrap();
    GzDecoder::new(body.as_ref())
        .read_to_end(&mut content)
        .unwrap();
    content
}

/// The script is there compressed with gzip, too.
fn folder_with_gzip() -> TempDir {
    let dist = folder();
    let form = gzip(&SOURCE.repeat(100));
    write(dist.path(), &format!("{SCRIPT}.gz"), &form);
    dist
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_sent_in_the_form_that_the_browser_prefers() {
    let dist = folder_with_gzip();
    let source = SOURCE.repeat(100);
    write(dist.path(), &format!("{SCRIPT}.br"), &brotli(&source));
    let server = serve(dist.path()).await;
    let path = format!("/{SCRIPT}");
    for (accepted, form) in [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("br;q=0.5, gzip;q=0.9", "gzip"),
        ("identity", ""),
        ("br;q=0, gzip;q=0", ""),
        ("zstd", ""),
        ("", ""),
    ] {
        let file = get_with(&server, &path, "accept-encoding", accepted).await;
        assert_eq!(file.status(), 200);
        assert_eq!(header(&file, "content-encoding"), form, "{accepted}");
        assert_eq!(header(&file, "vary"), "Accept-Encoding");
        assert_eq!(
            header(&file, "content-type"),
            "text/javascript; charset=utf-8"
        );
        let content = match form {
            "gzip" => gunzipped(file).await,
            "br" => {
                let body = file.bytes().await.unwrap();
                assert_eq!(body, brotli(&source));
                continue;
            }
            _ => file.bytes().await.unwrap().to_vec(),
        };
        assert_eq!(content, source, "{accepted}");
    }
    let refused = get_with(&server, &path, "accept-encoding", "*;q=0").await;
    assert_eq!(refused.status(), 406);
    assert_eq!(header(&refused, "cache-control"), "no-store");
    // The forms are no files of their own.
    assert_eq!(server.get(&format!("{path}.br")).await.status(), 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_form_of_another_content_is_not_sent() {
    let dist = folder();
    let bomb = gzip(&vec![0; 50_000_000]);
    for (name, other) in [(SCRIPT, gzip(b"older")), (MODULE, bomb)] {
        write(dist.path(), &format!("{name}.gz"), &other);
        write(dist.path(), &format!("{name}.br"), b"no brotli at all");
    }
    let server = serve(dist.path()).await;
    for (name, content) in [(SCRIPT, &SOURCE.repeat(100)[..]), (MODULE, b"a module")] {
        let path = format!("/{name}");
        let file = get_with(&server, &path, "accept-encoding", "br, gzip").await;
        assert_eq!(header(&file, "content-encoding"), "");
        assert_eq!(file.bytes().await.unwrap(), content);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_the_browser_has_is_not_sent_again() {
    let dist = folder_with_gzip();
    let server = serve(dist.path()).await;
    let path = format!("/{SCRIPT}");
    let plain = server.get(&path).await;
    let coded = get_with(&server, &path, "accept-encoding", "gzip").await;
    let (plain, coded) = (header(&plain, "etag"), header(&coded, "etag"));
    assert!(
        plain.starts_with('"') && plain != coded,
        "{plain} and {coded}"
    );
    for (tags, status) in [
        (plain, 304),
        (&format!("W/{plain}"), 304),
        (&format!("\"x\", {plain}"), 304),
        ("*", 304),
        (coded, 200),
        ("\"x\"", 200),
    ] {
        let again = get_with(&server, &path, "if-none-match", tags).await;
        assert_eq!(again.status(), status, "{tags}");
        assert_eq!(header(&again, "etag"), plain);
        assert_eq!(header(&again, "vary"), "Accept-Encoding");
        assert!(header(&again, "cache-control").contains("immutable"));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_request_has_the_headers_and_no_body() {
    let dist = folder_with_gzip();
    let server = serve(dist.path()).await;
    for path in [&format!("/{SCRIPT}")[..], "/", "/metrics", "/api/streams"] {
        for accepted in ["gzip", "identity"] {
            let [got, head] = [Method::GET, Method::HEAD]
                .map(|method| request_with(&server, method, path, "accept-encoding", accepted));
            let (got, head) = (got.await, head.await);
            assert_eq!(got.status(), head.status(), "{path}");
            for name in [
                "content-type",
                "content-encoding",
                "etag",
                "vary",
                "cache-control",
            ] {
                assert_eq!(header(&got, name), header(&head, name), "{path} {name}");
            }
            // What these count differs from one request to the next.
            if path != "/metrics" && path != "/api/streams" {
                assert_eq!(
                    header(&got, "content-length"),
                    header(&head, "content-length")
                );
            }
            assert!(head.bytes().await.unwrap().is_empty());
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_a_file_is_one_of_its_plain_form() {
    let dist = folder_with_gzip();
    let server = serve(dist.path()).await;
    let path = format!("/{SCRIPT}");
    let request = reqwest::Client::new().get(server.url(&path));
    let request = request.header("range", "bytes=7-13");
    let part = request.header("accept-encoding", "gzip, identity;q=0.5");
    let part = part.send().await.unwrap();
    assert_eq!(part.status(), 206);
    let whole = SOURCE.len() * 100;
    assert_eq!(
        header(&part, "content-range"),
        format!("bytes 7-13/{whole}")
    );
    assert!(header(&part, "cache-control").contains("immutable"));
    assert_eq!(part.text().await.unwrap(), "default");
    let behind = get_with(&server, &path, "range", "bytes=1000000-").await;
    assert_eq!(behind.status(), 416);
    assert_eq!(header(&behind, "content-range"), format!("bytes */{whole}"));
    assert_eq!(header(&behind, "cache-control"), "no-store");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_answers_of_the_api_are_compressed_and_short_and_secret_ones_are_not() {
    let dist = folder();
    let server = serve(dist.path()).await;
    let metrics = get_with(&server, "/metrics", "accept-encoding", "gzip, br").await;
    assert_eq!(header(&metrics, "content-encoding"), "gzip");
    assert_eq!(header(&metrics, "vary"), "Accept-Encoding");
    let length: usize = header(&metrics, "content-length").parse().unwrap();
    let content = gunzipped(metrics).await;
    assert!(content.starts_with(b"# HELP "));
    assert!(
        length * 3 < content.len(),
        "{length} bytes of {}",
        content.len()
    );
    for (path, accepted) in [
        ("/metrics", "br"),
        ("/metrics", "gzip;q=0"),
        ("/metrics", "identity, gzip;q=0.5"),
        // Too short to gain by it.
        ("/api/health", "gzip"),
        // Credentials.
        ("/api/ice", "gzip"),
        // Compressed already.
        ("/api/streams/test/poster.jpg", "gzip"),
    ] {
        let plain = get_with(&server, path, "accept-encoding", accepted).await;
        assert_eq!(plain.status(), 200, "{path}");
        assert_eq!(header(&plain, "content-encoding"), "", "{path} {accepted}");
    }
    server.stop().await;
}
