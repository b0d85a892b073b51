package flows

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// A frame is a message as it came. It must be freed, and not be used then.
type frame struct{ mem.Buffer }

// A codec is gRPC's own, but for frames, which it hands over as they are.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(proto.Name)} }

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*frame)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	f.Buffer = data.MaterializeToBuffer(mem.DefaultBufferPool())
	return nil
}
