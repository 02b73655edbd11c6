// VexRiscv with its Wishbone buses on memories that answer in the cycle after the request; bursts of a
// cache refill continue with a word per cycle.
module soc (
  input  logic clk, input logic rst_n,
  output logic instr_req, output logic [31:0] instr_addr,
  input  logic instr_rvalid, input logic [31:0] instr_rdata,
  output logic data_req, output logic data_we, output logic [3:0] data_be,
  output logic [31:0] data_addr, output logic [31:0] data_wdata,
  input  logic data_rvalid, input logic [31:0] data_rdata,
  output logic trap, output logic [31:0] pc
);
  localparam logic [2:0] INCREMENTING = 3'b010;

  logic i_cyc, i_stb, d_cyc, d_stb;
  logic [2:0] i_cti, d_cti;
  logic [29:0] i_adr, d_adr;

  // While a word of a burst is being answered, the bus already shows that more will follow.
  assign instr_req = i_cyc & i_stb & (~instr_rvalid | (i_cti == INCREMENTING));
  assign instr_addr = {instr_rvalid ? i_adr + 30'd1 : i_adr, 2'b00};
  assign data_req = d_cyc & d_stb & (~data_rvalid | (d_cti == INCREMENTING));
  assign data_addr = {data_rvalid ? d_adr + 30'd1 : d_adr, 2'b00};

  assign trap = 1'b0;
  assign pc = core.lastStagePc;

  VexRiscv core (
    .clk(clk), .reset(~rst_n), .externalResetVector(32'h1000),
    .timerInterrupt(1'b0), .softwareInterrupt(1'b0), .externalInterruptArray(32'h0),
    .iBusWishbone_CYC(i_cyc), .iBusWishbone_STB(i_stb), .iBusWishbone_ACK(instr_rvalid),
    .iBusWishbone_WE(), .iBusWishbone_ADR(i_adr), .iBusWishbone_DAT_MISO(instr_rdata),
    .iBusWishbone_DAT_MOSI(), .iBusWishbone_SEL(), .iBusWishbone_ERR(1'b0),
    .iBusWishbone_CTI(i_cti), .iBusWishbone_BTE(),
    .dBusWishbone_CYC(d_cyc), .dBusWishbone_STB(d_stb), .dBusWishbone_ACK(data_rvalid),
    .dBusWishbone_WE(data_we), .dBusWishbone_ADR(d_adr), .dBusWishbone_DAT_MISO(data_rdata),
    .dBusWishbone_DAT_MOSI(data_wdata), .dBusWishbone_SEL(data_be), .dBusWishbone_ERR(1'b0),
    .dBusWishbone_CTI(d_cti), .dBusWishbone_BTE()
  );
endmodule
