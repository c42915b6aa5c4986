//! str0m's DTLS with the timer of libwebrtc.
//!
//! Its own waits for 1 s and gives up after four repetitions: with a fifth of the datagrams lost each way, it loses one handshake
//! in a hundred, with any peer. There is no setting, but it takes another provider. With this timer it is one in
//! 1,500 that takes longer than 5 s: its back-off has no bound.

use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};
use str0m::crypto::{CryptoError, CryptoProvider, from_feature_flags};

#[derive(Debug)]
struct PatientDtls;

#[derive(Debug)]
struct Instance(dimpl::Dtls);

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        dtls_provider: &PatientDtls,
        ..from_feature_flags()
    })
}

impl DtlsProvider for PatientDtls {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        from_feature_flags().dtls_provider.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        _: DtlsVersion,
        _: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let config = dimpl::Config::builder()
            .use_server_cookie(false)
            .flight_start_rto(Duration::from_millis(50))
            .flight_retries(20)
            // Its jitter, so that a seed of the network is one history.
            .dangerously_set_rng_seed(7)
            .build()
            .map_err(|error| CryptoError::Other(error.to_string()))?;
        let dtls = dimpl::Dtls::new_12(Arc::new(config), certificate.clone(), now);
        Ok(Box::new(Instance(dtls)))
    }
}

impl DtlsInstance for Instance {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        self.0.poll_output(buffer)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<(), DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}
