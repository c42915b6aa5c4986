//! What is not served: folders that are too big, and what is outside of the folder.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Command;

use super::{folder, header, page, serve, text, until_served, write};
use crate::bad_input::get_by_hand;

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_too_big_for_memory_is_refused_with_a_sentence() {
    let many = folder();
    for number in 0..2_000 {
        write(many.path(), &format!("{number}.txt"), b"x");
    }
    let large = folder();
    let sparse = File::create(large.path().join("film.mp4")).unwrap();
    sparse.set_len(64 * 1024 * 1024 + 1).unwrap();
    for (dist, limit, too_much) in [
        (&many, "2000 files", "7.txt"),
        (&large, "64 MB", "film.mp4"),
    ] {
        let server = serve(dist.path()).await;
        let refused = server.get("/").await;
        assert_eq!(refused.status(), 503);
        assert_eq!(header(&refused, "cache-control"), "no-store");
        let sentence = refused.text().await.unwrap();
        assert!(
            sentence.contains(limit) && sentence.contains("--dist"),
            "{sentence}"
        );
        assert_eq!(server.get("/api/streams").await.status(), 200);
        fs::remove_file(dist.path().join(too_much)).unwrap();
        let index = fs::read_to_string(dist.path().join("index.html")).unwrap();
        if limit == "2000 files" {
            for number in 8..20 {
                fs::remove_file(dist.path().join(format!("{number}.txt"))).unwrap();
            }
        }
        until_served(&server, "/", &index).await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_of_the_folder_is_served() {
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "secret.txt", b"a secret");
    let dist = folder();
    let at = |name: &str| dist.path().join(name);
    fs::create_dir(at("inner")).unwrap();
    write(&at("inner"), "file.txt", b"inner");
    for (link, target) in [
        ("out.txt", &outside.path().join("secret.txt")),
        ("config.json", &outside.path().join("secret.txt")),
        ("folder", &outside.path().to_owned()),
        ("up", &at("..")),
        ("loop", &at("loop")),
        ("zero.bin", &"/dev/zero".into()),
        ("in.txt", &at("inner/file.txt")),
    ] {
        symlink(target, at(link)).unwrap();
    }
    let made = Command::new("mkfifo").arg(at("pipe.txt")).status();
    assert!(made.unwrap().success());
    write(dist.path(), ".hidden.txt", b"a secret");
    let name = outside
        .path()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let server = serve(dist.path()).await;
    assert_eq!(text(&server, "/in.txt").await, "inner");
    assert_eq!(text(&server, "/inner/file.txt").await, "inner");
    assert_eq!(text(&server, "/inner%2Ffile.txt").await, "inner");
    for path in [
        "/out.txt",
        "/config.json",
        "/folder/secret.txt",
        &format!("/../{name}/secret.txt"),
        &format!("/%2e%2e/{name}/secret.txt"),
        &format!("/inner/../../{name}/secret.txt"),
        &format!("/up/{name}/secret.txt"),
        &format!("/{}/secret.txt", outside.path().display()),
        &format!(
            "/%2F{}",
            outside.path().join("secret.txt").to_str().unwrap()
        ),
        "/loop",
        "/zero.bin",
        "/pipe.txt",
        "/.hidden.txt",
        "/inner",
        "/inner/",
        "/index.html%00.txt",
        "/inner\\file.txt",
        "/%ff",
    ] {
        let answer = get_by_hand(&server, path).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{path}: {answer}");
        assert!(!answer.contains("a secret"), "{path}: {answer}");
        assert!(!answer.contains("immutable"), "{path}: {answer}");
    }
    assert_eq!(text(&server, "/").await, page(super::SCRIPT, super::MODULE));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_kept_by_no_cache_also_of_a_name_with_a_hash() {
    let dist = folder();
    // Not a file, but named like one that never changes.
    fs::create_dir(dist.path().join("client-0000000000000000_bg.wasm")).unwrap();
    let server = serve(dist.path()).await;
    for path in [
        "/client-0000000000000000_bg.wasm",
        "/client-1111111111111111.js",
        "/weir-0123456789abcdef.css/x",
    ] {
        let missing = server.get(path).await;
        assert_eq!(missing.status(), 404);
        assert_eq!(header(&missing, "cache-control"), "no-store", "{path}");
    }
    server.stop().await;
}
