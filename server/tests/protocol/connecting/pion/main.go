// Plays a stream by Pion, and prints what each case of matrix.rs came to, as connect.py does.
//
//	pion-viewer http://127.0.0.1:8000 film whep,offer,vp8,pli
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v3"
)

// For one try.
const limit = 20 * time.Second

// From a keyframe to the request for the next one.
const pause = 300 * time.Millisecond

// Answers that are waited for.
const most = 3

// Seconds of media: less than between two keyframes that nobody asked for.
const short = 1.9

type scenario struct {
	path  string
	kinds []webrtc.RTPCodecType
	codec string
	asks  bool
}

type outcome struct {
	Case    string   `json:"case"`
	DTLS    *float64 `json:"dtls"`
	Picture *float64 `json:"picture"`
	Sound   bool     `json:"sound"`
	Codec   string   `json:"codec"`
	Gap     *float64 `json:"gap"`
	PLIs    *uint64  `json:"plis"`
	Error   *string  `json:"error"`
}

// What happens on the goroutines of the connection; play alone decides on it.
type event struct {
	name      string
	codec     string
	ssrc      webrtc.SSRC
	timestamp uint32
}

func main() {
	server, stream, cases := os.Args[1], os.Args[2], os.Args[3]
	both := []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio}
	whep := "/whep/" + stream
	scenarios := map[string]scenario{
		"whep":  {path: whep, kinds: both},
		"offer": {path: "/offer", kinds: both[:1]},
		"vp8":   {path: whep, kinds: both, codec: webrtc.MimeTypeVP8},
		"pli":   {path: whep, kinds: both, asks: true},
	}
	for _, name := range strings.Split(cases, ",") {
		result := outcome{Case: name}
		if err := play(server, scenarios[name], &result); err != nil {
			text := err.Error()
			result.Error = &text
		}
		line, _ := json.Marshal(result)
		fmt.Println(string(line))
	}
}

func play(server string, how scenario, result *outcome) error {
	connection, err := connect(how)
	if err != nil {
		return err
	}
	defer connection.Close()
	events := make(chan event, 1000)
	connection.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateConnected {
			events <- event{name: "dtls"}
		}
	})
	connection.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { read(track, events) })

	offer, err := connection.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(connection)
	if err := connection.SetLocalDescription(offer); err != nil {
		return err
	}
	<-gathered
	answer, session, err := post(server, how.path, connection.LocalDescription().SDP)
	if err != nil {
		return err
	}
	began := time.Now()
	description := webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}
	if err := connection.SetRemoteDescription(description); err != nil {
		return err
	}
	watch(connection, how, began, events, result)
	if session == "" {
		return nil
	}
	if how.asks {
		if result.PLIs, err = plis(session); err != nil {
			return err
		}
	}
	request, err := http.NewRequest(http.MethodDelete, session, nil)
	if err != nil {
		return err
	}
	_, err = http.DefaultClient.Do(request)
	return err
}

// A connection that offers to receive.
func connect(how scenario) (*webrtc.PeerConnection, error) {
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	registry := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(media, registry); err != nil {
		return nil, err
	}
	settings := webrtc.SettingEngine{}
	// The machine may have no other address.
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetIPFilter(func(address net.IP) bool { return address.IsLoopback() })
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings))
	connection, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	direction := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	for _, kind := range how.kinds {
		transceiver, err := connection.AddTransceiverFromKind(kind, direction)
		if err != nil {
			return nil, err
		}
		if kind == webrtc.RTPCodecTypeVideo && how.codec != "" {
			capability := webrtc.RTPCodecCapability{MimeType: how.codec, ClockRate: 90_000}
			only := webrtc.RTPCodecParameters{RTPCodecCapability: capability, PayloadType: 96}
			if err := transceiver.SetCodecPreferences([]webrtc.RTPCodecParameters{only}); err != nil {
				return nil, err
			}
		}
	}
	return connection, nil
}

// Reads packets until the connection is closed.
func read(track *webrtc.TrackRemote, events chan<- event) {
	codec := strings.TrimPrefix(track.Codec().MimeType, "video/")
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		tell := func(name string) {
			select {
			case events <- event{name, codec, track.SSRC(), packet.Timestamp}:
			default:
				// Nobody listens any more.
			}
		}
		switch {
		case track.Kind() == webrtc.RTPCodecTypeAudio:
			tell("sound")
			continue
		case beginsKeyframe(codec, packet.Payload):
			tell("keyframe")
		}
		// The last packet of a picture (RFC 6184 5.1, RFC 7741 4.1).
		if packet.Marker {
			tell("picture")
		}
	}
}

// Whether a packet begins a keyframe, as the server packetizes: the VP8 payload descriptor is one byte.
func beginsKeyframe(codec string, payload []byte) bool {
	if len(payload) < 4 {
		return false
	}
	if codec == "VP8" {
		// RFC 7741 4.2 and 4.3: start of partition 0, and no inter frame.
		return payload[0]&0x17 == 0x10 && payload[1]&1 == 0
	}
	// RFC 6184 5.4: SPS or IDR, alone, in a STAP-A, or as the start of a FU-A.
	kind := payload[0] & 0x1f
	switch {
	case kind == 24:
		kind = payload[3] & 0x1f
	case kind == 28 && payload[1]&0x80 != 0:
		kind = payload[1] & 0x1f
	}
	return kind == 5 || kind == 7
}

// Notes what happens, and asks for keyframes, until the case is complete.
func watch(connection *webrtc.PeerConnection, how scenario, began time.Time, events <-chan event, result *outcome) {
	over := time.After(limit)
	ask := make(chan event, most)
	var last uint32
	keyframes := 0
	for {
		select {
		case <-over:
			return
		case keyframe := <-ask:
			_ = connection.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(keyframe.ssrc)}})
		case happened := <-events:
			since := time.Since(began).Seconds()
			switch happened.name {
			case "dtls":
				result.DTLS = &since
			case "sound":
				result.Sound = true
			case "picture":
				if result.Picture == nil {
					result.Picture, result.Codec = &since, happened.codec
				}
			case "keyframe":
				if keyframes > 0 && happened.timestamp == last {
					continue
				}
				if gap := float64(happened.timestamp-last) / 90_000; keyframes > 0 && (result.Gap == nil || gap < *result.Gap) {
					result.Gap = &gap
				}
				last = happened.timestamp
				keyframes++
				if how.asks {
					time.AfterFunc(pause, func() { ask <- happened })
				}
			}
		}
		plays := result.DTLS != nil && result.Picture != nil && (result.Sound || len(how.kinds) == 1)
		answered := keyframes > most || result.Gap != nil && *result.Gap < short
		if plays && (answered || !how.asks) {
			return
		}
	}
}

// The answer to an offer, and the address of the session, if there is one.
func post(server, path, offer string) (answer, session string, err error) {
	response, err := http.Post(server+path, "application/sdp", strings.NewReader(offer))
	if err != nil {
		return "", "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", "", err
	}
	if response.StatusCode >= 300 {
		return "", "", errors.New(string(body))
	}
	if location := response.Header.Get("Location"); location != "" {
		session = server + location
	}
	return string(body), session, nil
}

// The requests for keyframes that the server has counted.
func plis(session string) (*uint64, error) {
	response, err := http.Get(session)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var info struct {
		PLIs uint64 `json:"plis"`
	}
	err = json.NewDecoder(response.Body).Decode(&info)
	return &info.PLIs, err
}
