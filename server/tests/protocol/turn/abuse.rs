//! Hostile input: it takes no memory, and service goes on.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use testkit::process::{ProcessUsage, in_own_process};
use testkit::{PATIENCE, eventually};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::client::SOON;
use super::{By, Turn, pace};

/// Random bytes, some behind a valid header.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let begins = prop::sample::select(vec![
        vec![],
        vec![0x40, 0x00],
        // Allocate, Send, CreatePermission, with the magic cookie.
        vec![0x00, 0x03, 0x00, 0x40, 0x21, 0x12, 0xa4, 0x42],
        vec![0x00, 0x16, 0x00, 0x10, 0x21, 0x12, 0xa4, 0x42],
        vec![0x00, 0x08, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42],
    ]);
    let rest = prop::collection::vec(any::<u8>(), 0..200);
    (begins, rest).prop_map(|(mut bytes, rest)| {
        bytes.extend(rest);
        bytes
    })
}

#[tokio::test]
async fn garbage_is_survived_before_and_after_an_allocation() {
    let turn = Turn::start(&[]).await;
    let mut runner = TestRunner::deterministic();
    for by in [By::Udp, By::Tcp] {
        let mut client = turn.client(by).await;
        client.allocate().await.unwrap();
        for number in 0..2000 {
            pace(number).await;
            let bytes = garbage().new_tree(&mut runner).unwrap().current();
            client.write(&bytes).await;
        }
        // Some of it was answered; responses to unauthenticated requests are limited by address.
        tokio::time::sleep(SOON / 4).await;
        let mut after = turn.client(by).await;
        assert!(after.allocate().await.is_ok(), "{by:?}");
    }
}

#[tokio::test]
async fn a_flood_leaves_no_memory_and_few_answers() {
    if !in_own_process("turn::abuse::a_flood_leaves_no_memory_and_few_answers") {
        return;
    }
    let turn = Turn::start(&[]).await;
    // An unauthenticated client can send Allocate without credentials, from as many ports as it likes.
    let mut request = vec![0x00, 0x03, 0x00, 0x08, 0x21, 0x12, 0xa4, 0x42];
    request.extend([7; 12]);
    request.extend([0x00, 0x19, 0x00, 0x04, 17, 0, 0, 0]);
    let flood = || async {
        let mut answers = 0;
        for _ in 0..100 {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            for _ in 0..300 {
                let _ = socket.send_to(&request, turn.address).await;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
            while socket.try_recv(&mut [0; 1000]).is_ok() {
                answers += 1;
            }
        }
        answers
    };
    flood().await;
    let before = ProcessUsage::own().memory;
    let answers = flood().await;
    let grown = ProcessUsage::own().memory.saturating_sub(before);
    assert!(
        (1..2000).contains(&answers),
        "{answers} of 30000 were answered"
    );
    assert!(grown < 2_000 * 1024, "{grown} bytes are kept");
    assert_eq!(turn.server.turn.as_ref().unwrap().allocations(), 0);
}

#[tokio::test]
async fn connections_that_say_nothing_are_few_and_end() {
    let turn = Turn::start(&[]).await;
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(turn.address).await.unwrap());
    }
    let open = || {
        let open = silent.iter().filter(|stream| {
            let error = stream.try_read(&mut [0; 1]).map_err(|error| error.kind());
            error == Err(std::io::ErrorKind::WouldBlock)
        });
        open.count()
    };
    eventually("32 of one address are left", PATIENCE, || async {
        open() == 32
    })
    .await;
    tokio::time::sleep(SOON / 4).await;
    assert_eq!(open(), 32, "and no fewer");
    drop(silent);
    let mut late = turn.client(By::Tcp).await;
    tokio::time::sleep(SOON / 4).await;
    drop(late);
    late = turn.client(By::Tcp).await;
    let closed = timeout(PATIENCE, late.read()).await;
    assert_eq!(closed, Ok(None), "a connection without an allocation ends");
}
