//! What an H.264 picture parameter set (H.264 7.3.2.2) says of the tools of Baseline.

use super::bit_reader::{BitReader, rbsp};

/// True for slice groups (FMO) and redundant pictures, which Constrained Baseline has not (H.264 A.2.1.1), and decoders of browsers neither. `nal`: with its
/// header byte.
pub(super) fn has_baseline_tools(nal: &[u8]) -> bool {
    let payload = rbsp(nal.get(1..nal.len().min(64)).unwrap_or_default());
    read(&mut BitReader::new(&payload)).unwrap_or(false)
}

fn read(bits: &mut BitReader<'_>) -> Option<bool> {
    bits.ue()?; // pic_parameter_set_id
    bits.ue()?; // seq_parameter_set_id
    bits.flag()?; // entropy_coding_mode_flag
    bits.flag()?; // bottom_field_pic_order_in_frame_present_flag
    if bits.ue()? > 0 {
        return Some(true); // num_slice_groups_minus1
    }
    bits.ue()?; // num_ref_idx_l0_default_active_minus1
    bits.ue()?; // num_ref_idx_l1_default_active_minus1
    bits.bits(3)?; // weighted_pred_flag, weighted_bipred_idc
    bits.se()?; // pic_init_qp_minus26
    bits.se()?; // pic_init_qs_minus26
    bits.se()?; // chroma_qp_index_offset
    bits.bits(2)?; // deblocking_filter_control_present_flag, constrained_intra_pred_flag
    bits.flag() // redundant_pic_cnt_present_flag
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A set of these bits after the header byte.
    fn pps(bits: &str) -> Vec<u8> {
        let bits: Vec<_> = bits.bytes().filter(|bit| *bit != b' ').collect();
        let bytes = bits.chunks(8).map(|chunk| {
            let bit = |at: usize| u8::from(chunk.get(at) == Some(&b'1')) << (7 - at);
            (0..8).map(bit).sum()
        });
        [0x68].into_iter().chain(bytes).collect()
    }

    #[test]
    fn slice_groups_and_redundant_pictures_are_found() {
        let usual = "1 1 0 0 1 1 1 000 1 1 1 10";
        assert!(!has_baseline_tools(&pps(&format!("{usual} 0 1"))));
        assert!(has_baseline_tools(&pps(&format!("{usual} 1 1"))));
        let groups = "1 1 0 0 010 1 1 1";
        assert!(has_baseline_tools(&pps(groups)));
        // As x264 writes it, and cut sets.
        assert!(!has_baseline_tools(&[0x68, 0xce, 0x3c, 0x80]));
        for cut in [&[][..], &[0x68], &[0x68, 0xce]] {
            assert!(!has_baseline_tools(cut));
        }
    }
}
