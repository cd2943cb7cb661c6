// Package fakeimds is an instance metadata service for one local instance. Like the service of an
// instance that requires IMDSv2 it answers nothing without a session token.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
package fakeimds

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Identity is what an instance is told about itself.
type Identity struct {
	InstanceID   string // "i-" and 17 hexadecimal digits
	Zone         string // for example "us-east-1a"
	Region       string
	Account      string // twelve digits
	InstanceType string
	ImageID      string
	Group        string // name of its Auto Scaling group
	Role         string // name of its role
	AccessKey    string // of the role's credentials
	SecretKey    string
	Token        string // "" where the endpoint wants none
	UserData     string // "": there is none
}

// credentialLifetime is how long the role's credentials say that they last, as on EC2.
const credentialLifetime = 6 * time.Hour

// Server is one instance's metadata service.
type Server struct {
	URL string // for AWS_EC2_METADATA_SERVICE_ENDPOINT

	identity Identity
	server   *http.Server
	served   chan struct{}

	mu          sync.Mutex
	tokens      map[string]time.Time // until when each is valid
	requests    []Request
	away        bool
	targetState string
	spotAt      time.Time // zero: no interruption notice
	rebalanceAt time.Time // zero: no rebalance recommendation
	answers     map[string]string
	delay       time.Duration
}

// Start serves identity on a free port of the loopback interface.
func Start(identity Identity) (*Server, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("metadata service of %s: %w", identity.InstanceID, err)
	}
	s := &Server{
		URL:         "http://" + l.Addr().String(),
		identity:    identity,
		served:      make(chan struct{}),
		tokens:      map[string]time.Time{},
		answers:     map[string]string{},
		targetState: "InService",
	}
	mux := http.NewServeMux()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		away, delay := s.note(r)
		time.Sleep(delay)
		if away {
			http.Error(w, "Service Unavailable", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	})
	mux.HandleFunc("PUT /latest/api/token", s.token)
	mux.HandleFunc("GET /latest/", s.get)
	s.server = &http.Server{Handler: handler}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(l) // ends with Close
	}()
	return s, nil
}

// Close stops the service.
func (s *Server) Close() {
	_ = s.server.Close()
	<-s.served
}

// SetTargetState sets what the group moves the instance to: "InService", "Terminated" …
func (s *Server) SetTargetState(state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.targetState = state
}

// InterruptSpot gives notice that the Spot instance ends at a time.
func (s *Server) InterruptSpot(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spotAt = at
}

// RecommendRebalance signals an elevated risk of a Spot interruption.
func (s *Server) RecommendRebalance(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rebalanceAt = at
}

// SetAway makes the service answer nothing but an error, or lets it answer again.
func (s *Server) SetAway(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// Answer answers a path below /latest/ with a text, whatever it is; "": as before.
func (s *Server) Answer(path, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text == "" {
		delete(s.answers, path)
		return
	}
	s.answers[path] = text
}

// SetDelay makes each answer take so long.
func (s *Server) SetDelay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// ExpireTokens ends all sessions before their time.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// Request is one that the service was sent.
type Request struct {
	Method string
	Path   string // "/latest/meta-data/instance-id"
	Token  bool   // it carries a session token; an IMDSv1 request carries none
}

// Requests are all since the start, oldest first.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// note records a request and reports whether the service is away, and how long it takes.
func (s *Server) note(r *http.Request) (away bool, delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, Request{r.Method, r.URL.Path, r.Header.Get(tokenHeader) != ""})
	return s.away, s.delay
}

// tokenHeader is the header of a request that carries its session's token.
const tokenHeader = "X-Aws-Ec2-Metadata-Token"

// token opens a session. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	const header = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
	ttl, err := strconv.Atoi(r.Header.Get(header))
	if err != nil || ttl < 1 || ttl > 21600 || r.Header.Get("X-Forwarded-For") != "" {
		http.Error(w, "Bad Request", http.StatusBadRequest)
		return
	}
	token := rand.Text()
	s.mu.Lock()
	s.tokens[token] = time.Now().Add(time.Duration(ttl) * time.Second)
	s.mu.Unlock()
	w.Header().Set(header, strconv.Itoa(ttl))
	_, _ = w.Write([]byte(token))
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	until, known := s.tokens[r.Header.Get(tokenHeader)]
	s.mu.Unlock()
	if !known || time.Now().After(until) {
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
		return
	}
	text, ok := s.lookup(strings.TrimPrefix(r.URL.Path, "/latest/"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write([]byte(text))
}

// lookup is the text at a path below /latest/.
func (s *Server) lookup(path string) (string, bool) {
	i := s.identity
	s.mu.Lock()
	defer s.mu.Unlock()
	path = strings.TrimSuffix(path, "/")
	if text, ok := s.answers[path]; ok {
		return text, true
	}
	switch path {
	case "meta-data/instance-id":
		return i.InstanceID, true
	case "meta-data/instance-type":
		return i.InstanceType, true
	case "meta-data/ami-id":
		return i.ImageID, true
	case "meta-data/placement/availability-zone":
		return i.Zone, true
	case "meta-data/placement/region":
		return i.Region, true
	case "user-data":
		return i.UserData, i.UserData != ""
	case "dynamic/instance-identity/document":
		return document(map[string]any{
			"accountId": i.Account, "region": i.Region, "availabilityZone": i.Zone,
			"instanceId": i.InstanceID, "instanceType": i.InstanceType, "imageId": i.ImageID, "version": "2017-09-30",
		}), true
	case "meta-data/iam/security-credentials":
		return i.Role, true
	case "meta-data/iam/security-credentials/" + i.Role:
		now := time.Now().UTC()
		return document(map[string]any{
			"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": i.AccessKey, "SecretAccessKey": i.SecretKey, "Token": i.Token,
			"LastUpdated": now.Format(time.RFC3339), "Expiration": now.Add(credentialLifetime).Format(time.RFC3339),
		}), true
	case "meta-data/tags/instance":
		return "aws:autoscaling:groupName", true
	case "meta-data/tags/instance/aws:autoscaling:groupName":
		return i.Group, true
	case "meta-data/autoscaling/target-lifecycle-state":
		return s.targetState, true
	case "meta-data/spot/instance-action":
		return document(map[string]any{"action": "terminate", "time": stamp(s.spotAt)}), !s.spotAt.IsZero()
	case "meta-data/events/recommendations/rebalance":
		return document(map[string]any{"noticeTime": stamp(s.rebalanceAt)}), !s.rebalanceAt.IsZero()
	}
	return "", false
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func document(fields map[string]any) string {
	text, _ := json.Marshal(fields) // strings only
	return string(text)
}
