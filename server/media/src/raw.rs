//! Fields of FFmpeg's structs that `ffmpeg-next` has no safe accessor for, copied into plain values; the limit of a decoder's pictures; the settings of glibc's allocator (`allocator`). The only module of
//! the server with `unsafe`.
#![allow(unsafe_code)]

pub(super) mod allocator;

use std::ffi::CStr;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::ffi;

/// The properties of a track from the container and the codec's headers.
#[derive(Clone, Debug, Default)]
pub(super) struct TrackHeader {
    pub codec: String,
    pub profile: Option<String>,
    /// The decoder configuration: avcC, av1C, Annex B or OpusHead.
    pub extradata: Vec<u8>,
    pub width: u32,
    pub height: u32,
    /// Width to height of a pixel; 1:1 when unknown.
    pub pixel_aspect: (u32, u32),
    /// The pixel aspect is the container's, not the codec's.
    pub container_aspect: bool,
    pub pixel: Option<PixelLayout>,
    pub interlaced: bool,
    /// The transfer function is one of HDR: PQ or HLG.
    pub hdr: bool,
    /// The matrix is that of BT.601, or unspecified.
    pub may_be_bt601: bool,
    pub channels: u32,
    pub sample_rate: u32,
}

/// The pixel format of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PixelLayout {
    pub name: String,
    pub bits: u32,
    /// Planar YUV with chroma halved both ways.
    pub is_420: bool,
}

/// One sample in a container's index.
#[derive(Clone, Copy, Debug)]
pub(super) struct IndexEntry {
    /// In the stream's time base; decoding order.
    pub time: i64,
    pub keyframe: bool,
    pub bytes: u64,
}

/// Index entries that are read: ten hours at 60 fps.
const MAX_INDEX: i32 = 2_160_000;

pub(super) fn header(
    input: &mut ffmpeg::format::context::Input,
    index: usize,
) -> Option<TrackHeader> {
    let stream = input.stream(index)?;
    // SAFETY: `stream` borrows `input`, which owns the AVStream and its codecpar for at least as long;
    // both pointers are set by libavformat for every stream below nb_streams.
    let (pointer, parameters) = unsafe {
        let pointer = stream.as_ptr().cast_mut();
        (pointer, &*(*pointer).codecpar)
    };
    // SAFETY: the pointers are valid for the same reason; both only read.
    let (aspect, container_aspect) = unsafe {
        (
            ffi::av_guess_sample_aspect_ratio(input.as_mut_ptr(), pointer, std::ptr::null_mut()),
            (*pointer).sample_aspect_ratio,
        )
    };
    let extradata = if parameters.extradata.is_null() || parameters.extradata_size <= 0 {
        Vec::new()
    } else {
        // SAFETY: libavformat keeps `extradata_size` bytes at `extradata`.
        unsafe {
            std::slice::from_raw_parts(parameters.extradata, parameters.extradata_size as usize)
        }
        .to_vec()
    };
    // SAFETY: both functions take any value and return null or a static C string.
    let (codec, profile) = unsafe {
        (
            c_string(ffi::avcodec_get_name(parameters.codec_id)).unwrap_or_default(),
            c_string(ffi::avcodec_profile_name(
                parameters.codec_id,
                parameters.profile,
            )),
        )
    };
    let is_video = parameters.codec_type == ffi::AVMediaType::AVMEDIA_TYPE_VIDEO;
    Some(TrackHeader {
        codec,
        profile,
        extradata,
        width: u32::try_from(parameters.width).unwrap_or(0),
        height: u32::try_from(parameters.height).unwrap_or(0),
        pixel_aspect: match (u32::try_from(aspect.num), u32::try_from(aspect.den)) {
            (Ok(num), Ok(den)) if num > 0 && den > 0 => (num, den),
            _ => (1, 1),
        },
        container_aspect: container_aspect.num > 0 && container_aspect.den > 0,
        pixel: if is_video {
            pixel_layout(parameters.format)
        } else {
            None
        },
        interlaced: !matches!(
            parameters.field_order,
            ffi::AVFieldOrder::AV_FIELD_UNKNOWN | ffi::AVFieldOrder::AV_FIELD_PROGRESSIVE
        ),
        hdr: matches!(
            parameters.color_trc,
            ffi::AVColorTransferCharacteristic::AVCOL_TRC_SMPTE2084
                | ffi::AVColorTransferCharacteristic::AVCOL_TRC_ARIB_STD_B67
        ),
        may_be_bt601: matches!(
            parameters.color_space,
            ffi::AVColorSpace::AVCOL_SPC_UNSPECIFIED
                | ffi::AVColorSpace::AVCOL_SPC_SMPTE170M
                | ffi::AVColorSpace::AVCOL_SPC_BT470BG
        ),
        channels: channels(parameters),
        sample_rate: u32::try_from(parameters.sample_rate).unwrap_or(0),
    })
}

/// The entries of a container's index for one track; empty if it has no index.
pub(super) fn index_entries(
    input: &mut ffmpeg::format::context::Input,
    index: usize,
) -> Vec<IndexEntry> {
    let Some(stream) = input.stream(index) else {
        return Vec::new();
    };
    // SAFETY: `stream` borrows `input`, so the AVStream lives; the entries are copied before any other
    // call on the context.
    unsafe {
        let pointer = stream.as_ptr().cast_mut();
        let count = ffi::avformat_index_get_entries_count(pointer).clamp(0, MAX_INDEX);
        (0..count)
            .filter_map(|n| ffi::avformat_index_get_entry(pointer, n).as_ref())
            .map(|entry| IndexEntry {
                time: entry.timestamp,
                keyframe: entry.flags() & ffi::AVINDEX_KEYFRAME != 0,
                bytes: u64::try_from(entry.size()).unwrap_or(0),
            })
            .collect()
    }
}

/// The index of the stream of this kind that FFmpeg prefers. `beside`: a stream that must not belong to other programs
/// only.
pub(super) fn best_stream(
    input: &mut ffmpeg::format::context::Input,
    kind: ffmpeg::media::Type,
    beside: Option<usize>,
) -> Option<usize> {
    let related = beside.and_then(|index| i32::try_from(index).ok());
    // SAFETY: the context is open and borrowed mutably; the call takes any index, and may return no decoder.
    let best = unsafe {
        ffi::av_find_best_stream(
            input.as_mut_ptr(),
            kind.into(),
            -1,
            related.unwrap_or(-1),
            std::ptr::null_mut(),
            0,
        )
    };
    let best = usize::try_from(best).ok()?;
    let Some(beside) = beside else {
        return Some(best);
    };
    // FFmpeg looks into other programs when this one has no such stream.
    share_program(input, best, beside).then_some(best)
}

/// True when one program has both streams, or one of them belongs to none.
pub(super) fn share_program(
    input: &ffmpeg::format::context::Input,
    stream: usize,
    beside: usize,
) -> bool {
    let (programs, of_beside) = (programs_of(input, stream), programs_of(input, beside));
    let shared = programs.iter().any(|program| of_beside.contains(program));
    shared || programs.is_empty() || of_beside.is_empty()
}

/// The programs that a stream belongs to, by their position in the file; empty in containers without programs.
fn programs_of(input: &ffmpeg::format::context::Input, stream: usize) -> Vec<usize> {
    // SAFETY: the context is open and borrowed. libavformat keeps `nb_programs` programs at `programs`, and
    // `nb_stream_indexes` indexes at `stream_index` of each.
    unsafe {
        let context = &*input.as_ptr();
        if context.programs.is_null() {
            return Vec::new();
        }
        std::slice::from_raw_parts(context.programs, context.nb_programs as usize)
            .iter()
            .enumerate()
            .filter(|(_, program)| {
                let program = &***program;
                !program.stream_index.is_null()
                    && std::slice::from_raw_parts(
                        program.stream_index,
                        program.nb_stream_indexes as usize,
                    )
                    .iter()
                    .any(|index| *index as usize == stream)
            })
            .map(|(at, _)| at)
            .collect()
    }
}

/// Makes the demuxer skip all streams except `wanted`, if it can.
pub(super) fn discard_other_streams(input: &mut ffmpeg::format::context::Input, wanted: &[usize]) {
    for index in 0..input.nb_streams() as usize {
        if wanted.contains(&index) {
            continue;
        }
        if let Some(mut stream) = input.stream_mut(index) {
            // SAFETY: the stream is borrowed mutably from the context that owns it.
            unsafe { (*stream.as_mut_ptr()).discard = ffi::AVDiscard::AVDISCARD_ALL };
        }
    }
}

/// True for containers whose clock may jump (MPEG-TS, MPEG-PS).
pub(super) fn may_have_discontinuities(input: &ffmpeg::format::context::Input) -> bool {
    // SAFETY: an open input has its `iformat` set for as long as it lives.
    unsafe { (*(*input.as_ptr()).iformat).flags & ffi::AVFMT_TS_DISCONT != 0 }
}

/// True for a packet that is to be decoded but not displayed, because of an edit list.
pub(super) fn is_discard(packet: &ffmpeg::Packet) -> bool {
    use ffmpeg_next::packet::Ref;
    // SAFETY: the pointer is to the packet that is borrowed here.
    unsafe { (*packet.as_ptr()).flags & ffi::AV_PKT_FLAG_DISCARD != 0 }
}

/// The new decoder configuration that a packet carries.
pub(super) fn new_extradata(packet: &ffmpeg::Packet) -> Option<&[u8]> {
    use ffmpeg_next::packet::Ref;
    // SAFETY: libavcodec keeps `side_data_elems` entries at `side_data`, each of `size` bytes, for as long as
    // the packet lives, which is borrowed here.
    unsafe {
        let packet = &*packet.as_ptr();
        let count = usize::try_from(packet.side_data_elems).unwrap_or(0);
        if packet.side_data.is_null() || count == 0 {
            return None;
        }
        std::slice::from_raw_parts(packet.side_data, count)
            .iter()
            .find(|data| {
                data.type_ == ffi::AVPacketSideDataType::AV_PKT_DATA_NEW_EXTRADATA
                    && !data.data.is_null()
            })
            .map(|data| std::slice::from_raw_parts(data.data, data.size))
    }
}

/// Sets how many threads the filters of a graph share. Call it before the graph is configured.
pub(super) fn limit_threads(graph: &mut ffmpeg::filter::Graph, threads: i32) {
    // SAFETY: the graph is borrowed mutably and not yet configured.
    unsafe { (*graph.as_mut_ptr()).nb_threads = threads };
}

fn pixel_layout(format: i32) -> Option<PixelLayout> {
    if !(0..ffi::AVPixelFormat::AV_PIX_FMT_NB as i32).contains(&format) {
        return None;
    }
    // SAFETY: `format` is within the enum, which libavutil numbers without holes from 0 to NB; the
    // descriptor is static.
    unsafe {
        let descriptor =
            ffi::av_pix_fmt_desc_get(std::mem::transmute::<i32, ffi::AVPixelFormat>(format))
                .as_ref()?;
        let rgb = descriptor.flags & u64::from(ffi::AV_PIX_FMT_FLAG_RGB as u32) != 0;
        Some(PixelLayout {
            name: c_string(descriptor.name).unwrap_or_default(),
            bits: u32::try_from(descriptor.comp[0].depth).unwrap_or(8),
            is_420: !rgb
                && descriptor.nb_components == 3
                && descriptor.log2_chroma_w == 1
                && descriptor.log2_chroma_h == 1,
        })
    }
}

/// Bytes of a picture in memory, without padding.
pub(super) fn picture_bytes(format: ffmpeg::format::Pixel, (width, height): (u32, u32)) -> u64 {
    let sides = i32::try_from(width).ok().zip(i32::try_from(height).ok());
    // SAFETY: the function takes any values, and returns an error for those that it cannot compute.
    let bytes = sides.map(|(width, height)| unsafe {
        ffi::av_image_get_buffer_size(format.into(), width, height, 1)
    });
    bytes
        .and_then(|bytes| u64::try_from(bytes).ok())
        .unwrap_or(u64::MAX)
}

/// Makes a decoder refuse pictures of more bytes, before it has memory for one: when it chooses a pixel format, which all but those of AV1 do with FFmpeg's
/// function. Call it before the decoder is opened.
pub(super) fn limit_pictures(context: &mut ffmpeg::codec::Context, bytes: u64) {
    // SAFETY: the context is borrowed mutably, and not open. `opaque` is FFmpeg's only to pass on; it holds a number, and is never read as a pointer.
    unsafe {
        let context = &mut *context.as_mut_ptr();
        context.opaque =
            std::ptr::without_provenance_mut(usize::try_from(bytes).unwrap_or(usize::MAX));
        context.get_format = Some(choose_format);
    }
}

/// # Safety
/// For libavcodec, which calls it with its context, whose `opaque` [`limit_pictures`] has set, and a list of formats that ends with `NONE`.
unsafe extern "C" fn choose_format(
    context: *mut ffi::AVCodecContext,
    formats: *const ffi::AVPixelFormat,
) -> ffi::AVPixelFormat {
    // SAFETY: as above; both pointers are libavcodec's own, and the function is its default.
    let (format, width, height, limit) = unsafe {
        let format = ffi::avcodec_default_get_format(context, formats);
        let context = &*context;
        // Of the picture with what is cropped of it.
        let width = context.coded_width.max(context.width);
        let height = context.coded_height.max(context.height);
        (format, width, height, context.opaque.addr() as u64)
    };
    // SAFETY: the function takes any values.
    let bytes = unsafe { ffi::av_image_get_buffer_size(format, width, height, 1) };
    match u64::try_from(bytes) {
        Ok(bytes) if bytes <= limit => format,
        _ => ffi::AVPixelFormat::AV_PIX_FMT_NONE,
    }
}

/// True for a pixel format of RGB samples, or of indices of a palette.
pub(super) fn is_rgb(format: ffmpeg::format::Pixel) -> bool {
    format.descriptor().is_some_and(|descriptor| {
        // SAFETY: libavutil's descriptors are static.
        let flags = unsafe { (*descriptor.as_ptr()).flags };
        flags & u64::from((ffi::AV_PIX_FMT_FLAG_RGB | ffi::AV_PIX_FMT_FLAG_PAL) as u32) != 0
    })
}

/// True for the components of an ambisonic field instead of the signals of loudspeakers.
pub(super) fn is_ambisonic(frame: &ffmpeg::frame::Audio) -> bool {
    // SAFETY: the frame is borrowed, and its layout is a plain value.
    unsafe { (*frame.as_ptr()).ch_layout.order == ffi::AVChannelOrder::AV_CHANNEL_ORDER_AMBISONIC }
}

fn channels(parameters: &ffi::AVCodecParameters) -> u32 {
    u32::try_from(parameters.ch_layout.nb_channels).unwrap_or(0)
}

/// # Safety
/// `pointer` is null or a C string that is never freed.
unsafe fn c_string(pointer: *const std::ffi::c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: required of the caller.
    Some(
        unsafe { CStr::from_ptr(pointer) }
            .to_string_lossy()
            .into_owned(),
    )
}
