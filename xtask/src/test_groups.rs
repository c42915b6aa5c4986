//! Groups of tests: `cargo xtask test field` and `cargo xtask test attack`.

/// What people reported of other servers and players. Modules of tests (`slashes::`), and single tests.
const FIELD: &[&str] = &[
    "bundle::",
    "bundle_tests::",
    "slashes::",
    "spelling_tests::",
    "levels::",
    "file_name::",
    "ice_candidate::",
    "malformed_offers::",
    "malformed_candidates_refuse_no_description",
    "a_description_that_cannot_be_used_ends_the_link_with_a_sentence_of_its_own",
    "file_queue::",
    "file_channel::",
    "want_queue::",
    "many_files::",
    "malformed::",
    "matrix::",
    "one_kind::",
    "late_joiners::",
    "tracks::",
    "sources_that_encode_leave_no_memory_behind_when_they_stop",
    "a_rendition_that_nobody_watches_leaves_no_memory_behind_while_its_source_runs",
    "plain_relay::",
    "plain_room::",
    "plain_text::",
    "foreign::",
    "own_client::",
    "a_keyframe_request_stops_no_viewer_for_longer_than_the_encoder_takes",
    "h264_in_another_packetization_mode_alone_is_refused_and_not_served_as_sound_only",
    "h264_without_packetization_mode_1_gets_vp8_or_single_nal_units_or_406_with_the_reason",
    "single_nal::",
    "a_track_of_one_picture_loses_to_one_of_many",
    "a_package_with_a_service_is_installed_without_being_started_or_enabled",
    "a_frame_rate_that_the_packets_contradict_is_not_claimed",
    "a_recording_without_a_frame_rate_claims_none_that_its_pictures_do_not_have",
    "what_only_baseline_has_is_found_in_slices_and_parameter_sets",
    "the_list_of_common_profiles_has_baseline_main_and_high_up_to_level_5_2",
    "only_profiles_and_sizes_that_browsers_decode_are_published",
    "of_an_offer_only_profiles_that_every_browser_decodes_are_received",
    "only_what_the_stream_has_is_asked_for_and_both_while_that_is_unknown",
    "h264_passes_through_by_a_list_of_profiles",
    "vp9_and_av1_of_other_profiles_are_transcoded",
    "lossless_h264_of_a_profile_that_browsers_lack_is_encoded_again",
];

/// What attackers, viewers, people in rooms, publishers and files can do to the server, and by it to others (docs/security.md).
const ATTACK: &[&str] = &[
    // Connections.
    "http::connections::",
    "known_files::",
    "tls::handshakes::",
    // Errors in caches, and what is not of the page.
    "kept_errors::",
    "an_error_is_kept_by_no_cache_also_of_a_name_with_a_hash",
    "nothing_outside_of_the_folder_is_served",
    // Files.
    "hostile_files::",
    "helper::",
    // Rooms.
    "attacks::rooms::",
    "plain_relay::attacks::",
    "room_passwords::",
    // Pages of other sites.
    "other_sites::",
    "refused_pages::",
    "other_server::",
    "names_that_look_the_same_are_not_in_a_room_together",
    // Clients behind proxies.
    "http::proxies::",
    "behind_proxies::",
    // What is read slowly, and long heads.
    "slow_readers::",
    "slow_reader::",
    "http::heads::",
    // Messages without end.
    "http::fragments::",
    // The API.
    "http::api::",
    // Frames, types and addresses.
    "http::policies::",
    "a_page_of_another_site_cannot_frame_the_rooms",
    "scripts_that_are_not_of_the_page_do_not_run_and_its_own_do",
    // TURN.
    "relayed_floods::",
    "relay_places::",
    "turn::abuse::",
    "turn::refusals::",
    "only_public_addresses_are_relayed_to",
    "this_machine_is_known_in_every_embedding",
    "an_allocation_ends_a_day_after_its_credential_however_often_it_is_refreshed",
    "the_networks_of_one_customer_are_counted_together",
    // The machine, its terminal and its log.
    "attacks::rights::",
    "the_secret_may_be_in_a_file",
    // Publishers.
    "publishing::attacks::",
];

/// The names of a group, or the name itself.
pub(crate) fn names(name: &str) -> Vec<String> {
    let group = match name {
        "field" => FIELD,
        "attack" => ATTACK,
        _ => return vec![name.to_owned()],
    };
    group.iter().map(|&name| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;
    use crate::workspace;

    fn exists(name: &str) -> bool {
        let mut git = Command::new("git");
        match name.strip_suffix("::") {
            Some(module) => {
                let module = module.rsplit("::").next().unwrap_or_default();
                let files = [format!(":/*/{module}.rs"), format!(":/*/{module}/mod.rs")];
                git.arg("ls-files").args(files)
            }
            None => git.args(["grep", "-l", &format!("fn {name}("), "--", ":/"]),
        };
        !git.output().expect("git").stdout.is_empty()
    }

    #[test]
    fn groups_stand_for_tests_that_exist() {
        for name in FIELD.iter().chain(ATTACK) {
            assert!(exists(name), "{name}");
        }
        assert_eq!(names("rooms"), ["rooms"]);
    }

    #[test]
    fn every_test_that_the_page_on_security_names_exists() {
        let page = fs::read_to_string(workspace::root().join("docs/security.md"));
        let page = page.expect("it is there");
        let quoted = page.split('`').skip(1).step_by(2);
        let is_test = |word: &&str| {
            let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            word.matches('_').count() > 2 && word.chars().all(is_name) && !word.starts_with("weir_")
        };
        let tests: Vec<&str> = quoted.filter(is_test).collect();
        assert!(tests.len() > 50, "{}", tests.len());
        for test in tests {
            assert!(exists(test), "{test}");
        }
    }
}
