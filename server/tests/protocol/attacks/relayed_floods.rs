//! Floods of the TURN server by strangers and by clients with credentials, which anybody gets.

use std::time::Duration;

use testkit::{PATIENCE, eventually};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout};

use crate::turn::{By, Turn, pace};

const SLOW: [&str; 5] = [
    "--turn-allow-private",
    "--turn-user-rate",
    "1",
    "--turn-address-rate",
    "1",
];
/// How long nothing arrives when nothing is on its way.
const SILENCE: Duration = Duration::from_millis(500);

#[tokio::test]
async fn ten_credentials_and_empty_datagrams_have_the_rate_of_their_address() {
    let turn = Turn::start(&SLOW).await;
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = peer.local_addr().unwrap();
    let receiving = tokio::spawn(async move {
        let mut arrived = 0;
        while timeout(SILENCE, peer.recv(&mut [0; 2000])).await.is_ok() {
            arrived += 1;
        }
        arrived
    });
    let began = Instant::now();
    for _ in 0..10 {
        let mut client = turn.client(By::Udp).await;
        client.allocate().await.unwrap();
        client.bind(0x4000, to).await.unwrap();
        for number in 0..1000 {
            pace(number).await;
            client.send_on(0x4000, &[]).await;
        }
    }
    // 40 octets each: a second's worth at once, and what comes until the end.
    let most = 3125.0 * (1.2 + began.elapsed().as_secs_f64());
    let arrived = receiving.await.unwrap();
    assert!(
        (1000..most as usize).contains(&arrived),
        "{arrived} of 10000"
    );
}

#[tokio::test]
async fn what_may_not_pass_is_not_read_from_a_connection() {
    let turn = Turn::start(&SLOW).await;
    let mut client = turn.client(By::Tcp).await;
    client.allocate().await.unwrap();
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = peer.local_addr().unwrap();
    client.bind(0x4000, to).await.unwrap();
    let mut sent = 0;
    // The buffers of the system take some megabytes.
    let flood = async {
        for _ in 0..100_000 {
            client.send_on(0x4000, &[7; 1400]).await;
            sent += 1400;
        }
    };
    assert!(timeout(Duration::from_secs(2), flood).await.is_err());
    assert!(sent < 32_000_000, "{sent} bytes");
}

#[tokio::test]
async fn a_stranger_sends_little_over_tcp() {
    let turn = Turn::start(&[]).await;
    let mut client = turn.client(By::Tcp).await;
    for _ in 0..100 {
        client.send_on(0x4000, &[7; 1400]).await;
    }
    assert_eq!(timeout(PATIENCE, client.read()).await, Ok(None));
}

#[tokio::test]
async fn who_holds_every_place_of_strangers_makes_room_for_a_newcomer() {
    let turn = Turn::start(&[]).await;
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(turn.address).await.unwrap());
    }
    let mut newcomer = turn.client(By::Tcp).await;
    newcomer.allocate().await.unwrap();
    eventually("the oldest are closed", PATIENCE, || async {
        let read = silent[0].try_read(&mut [0; 1]);
        !read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    })
    .await;
}
