//! Strangers, and clients with credentials, who would leave no relay to others.

use testkit::{PATIENCE, eventually};
use tokio::net::UdpSocket;

use super::http::connect;
use crate::turn::{By, Turn};

/// The error codes of RFC 8656 19: of a quota, and of capacity.
const REFUSED: [u16; 2] = [486, 508];

#[tokio::test]
async fn four_addresses_take_half_of_the_relays_and_a_newcomer_always_gets_one() {
    let turn = Turn::start(&["--turn-max-allocations", "40"]).await;
    let mut open = Vec::new();
    // Each with a credential of its own.
    let mut fill = async |host: u8| {
        let before = open.len();
        loop {
            let mut client = turn.client_at(By::Udp, [127, 0, 0, host]).await;
            match client.allocate().await {
                Ok(_) => open.push(client),
                Err(code) => {
                    assert!(REFUSED.contains(&code), "{code}");
                    return open.len() - before;
                }
            }
        }
    };
    for host in 2..6 {
        assert_eq!(fill(host).await, 8, "127.0.0.{host}");
    }
    assert_eq!(fill(6).await, 4, "what is left, but for the last tenth");
    assert_eq!(fill(7).await, 1, "of the last tenth");
}

#[tokio::test]
async fn strangers_of_eight_addresses_do_not_keep_a_ninth_from_relays_over_tcp() {
    let turn = Turn::start(&[]).await;
    let url = format!("http://{}", turn.address);
    let mut silent = Vec::new();
    for host in 2..10 {
        for _ in 0..32 {
            silent.push(connect(&url, &format!("127.0.0.{host}")).await);
        }
    }
    let mut newcomer = turn.client_at(By::Tcp, [127, 0, 0, 1]).await;
    newcomer.allocate().await.unwrap();
}

/// The source of a datagram may be forged: here the attacker sends from the address of its victim.
#[tokio::test]
async fn requests_in_the_name_of_a_client_do_not_silence_its_own() {
    let turn = Turn::start(&[]).await;
    let mut victim = turn.client(By::Udp).await;
    victim.allocate().await.unwrap();
    let attacker = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    attacker.connect(turn.address).await.unwrap();
    // A binding request (RFC 8489 5), until it is no longer answered.
    let request = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    let (mut sent, mut answered) = (0, 0);
    eventually("answers end", PATIENCE, || {
        for _ in 0..100 {
            sent += usize::from(attacker.try_send(&request).is_ok());
        }
        while attacker.try_recv(&mut [0; 1000]).is_ok() {
            answered += 1;
        }
        // A slow server has not answered the first ones yet.
        let is_over = answered > 0 && sent > answered + 500;
        async move { is_over }
    })
    .await;
    victim.refresh(600).await.unwrap();
    let mut over_tcp = turn.client(By::Tcp).await;
    over_tcp.allocate().await.unwrap();
}
