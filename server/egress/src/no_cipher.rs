//! For the benchmark of instructions: AES-GCM without AES and GHASH. What these take depends on the instructions that a machine has.

use rtc_crypto::{
    AeadAlgorithm, AeadCipher, BlockCipherAlgorithm, CryptoAlgorithm, CryptoError, RTCCrypto,
};

/// Every text is its own ciphertext, and every tag is right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoCipher;

impl RTCCrypto for NoCipher {
    fn supports(&self, _: CryptoAlgorithm) -> bool {
        true
    }

    fn block_encrypt(
        &self,
        _: BlockCipherAlgorithm,
        _: &[u8],
        _: &mut [u8],
    ) -> Result<(), CryptoError> {
        Ok(())
    }

    fn new_aead(&self, _: AeadAlgorithm, _: &[u8]) -> Result<Box<dyn AeadCipher>, CryptoError> {
        Ok(Box::new(Self))
    }
}

impl AeadCipher for NoCipher {
    fn tag_len(&self) -> usize {
        16
    }

    fn seal_in_place(
        &mut self,
        _: &[u8],
        _: &[u8],
        _: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), CryptoError> {
        tag.fill(0);
        Ok(())
    }

    fn open_in_place(
        &mut self,
        _: &[u8],
        _: &[u8],
        _: &mut [u8],
        _: &[u8],
    ) -> Result<(), CryptoError> {
        Ok(())
    }
}
